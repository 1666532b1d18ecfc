"""A mail server that takes mail, or does not: `smtp.py PORT DIRECTORY [tls]`.

With `tls` it wants STARTTLS before anything else, by the certificate and key in DIRECTORY/cert.pem and DIRECTORY/key.pem.

The file DIRECTORY/mode says how it behaves: `take`, `busy` (a temporary refusal), `reject` (a lasting one), `stall` (it says nothing).
What it has been asked to take is in DIRECTORY/mail.jsonl.
"""

import asyncio
import email
import email.policy
import json
import pathlib
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"recorder", b"correct horse"


class Handler:
    def __init__(self, directory):
        self.directory = directory

    def mode(self):
        return (self.directory / "mode").read_text().strip()

    async def handle_DATA(self, server, session, envelope):
        mode = self.mode()
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = lambda kind: message.get_body((kind,)).get_content()
        noted = {
            "mode": mode,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": body("plain"),
            "html": body("html"),
            "user": session.auth_data,
            "tls": session.ssl is not None,
        }
        with open(self.directory / "mail.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(noted) + "\n")
        if mode == "stall":
            await asyncio.sleep(600)
        answers = {"busy": "451 Try again later", "reject": "550 No such user here"}
        return answers.get(mode, "250 OK")


def authenticate(server, session, envelope, mechanism, data):
    is_known = (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=is_known, auth_data=data.login.decode() if is_known else None)


async def main():
    port, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    context = None
    if "tls" in sys.argv[3:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    loop = asyncio.get_running_loop()
    protocol = lambda: SMTP(
        Handler(directory),
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=context is not None,
        tls_context=context,
        require_starttls=context is not None,
        enable_SMTPUTF8=True,
        loop=loop,
    )
    server = await loop.create_server(protocol, "127.0.0.1", port)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()


asyncio.run(main())
