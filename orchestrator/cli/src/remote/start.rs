//! `wallflower start`

use std::process::ExitCode;
use std::time::Duration;

use reqwest::Method;
use tokio::signal::unix::{SignalKind, signal};
use wallflower_control::orchestrator::Resource;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::request::RecordingRequest;

use super::find::Distant;
use super::follow::{Absence, Sight, Watching, until_over};
use super::http::{Answer, Server, TroubleKind};
use super::news::{course, news, recording};
use super::request;
use crate::args::StartArgs;
use crate::control::{print_lines, refused};
use crate::exit;
use crate::progress::View;
use crate::run::{conclusion, new_id};
use crate::words;

/// How long a request is sent again whose answer was lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn start(args: Box<StartArgs>) -> ExitCode {
    let json = args.json;
    match posted(&args).await {
        Ok((text, of)) => {
            print_lines([if json { text } else { of.id.clone() }]);
            if args.wait { follow(of, json).await } else { ExitCode::SUCCESS }
        }
        Err(failure) => refused(&failure, json),
    }
}

async fn posted(args: &StartArgs) -> Result<(String, Distant), Failure> {
    let server = args.server.remote()?.ok_or_else(|| {
        let sentence =
            "Name the server that is to record, by --server or WALLFLOWER_SERVER; `wallflower record` needs none.";
        Failure::new(FailureKind::BadRequest, sentence)
    })?;
    let request = request::from(args)?;
    let answer = post(&server, &request, &new_id(), PATIENCE).await?;
    let (text, resource): (String, Resource) = server.read(&answer)?;
    Ok((text, Distant { id: resource.id, server }))
}

/// Posts it until there is an answer. The key tells the server that it is the same request, however often it comes.
async fn post(server: &Server, request: &RecordingRequest, key: &str, patience: Duration) -> Result<Answer, Failure> {
    let body = server.json(request)?;
    let mut absence = Absence::new(patience);
    loop {
        let url = server.url(["recordings"]);
        let trouble = match server.ask(Method::POST, url, Some(body.clone()), &[("Idempotency-Key", key)]).await {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        // It has not been there yet, and may be started somewhere else.
        if trouble.kind == TroubleKind::Unreached && !absence.is_away() {
            return Err(trouble.failure);
        }
        let is_known = !trouble.may_pass();
        absence.endure(trouble).await.map_err(|mut failure| {
            if !is_known {
                failure.message.push_str(" Whether it has taken the request is not known; `wallflower list` tells.");
            }
            failure
        })?;
    }
}

/// To its end. Who interrupts ends the recording, and by a second time only the command.
async fn follow(of: Distant, json: bool) -> ExitCode {
    let mut view = if json { View::Silent } else { View::new(false) };
    let followed = tokio::select! {
        followed = shown(&of, &mut view) => followed,
        interrupted = interrupts(&of) => {
            view.close();
            return match interrupted {
                Ok(()) => {
                    words::to_stderr(format_args!("wallflower: left; {} finishes recording {}", of.server.name(), of.id));
                    ExitCode::from(exit::ABORTED)
                }
                Err(failure) => refused(&failure, json),
            };
        }
    };
    view.close();
    let (text, resource) = match followed {
        Ok(followed) => followed,
        Err(failure) => return refused(&failure, json),
    };
    let recording = recording(&resource, &of.server);
    for line in conclusion(&recording) {
        view.say(&line);
    }
    if json {
        print_lines([text]);
    }
    exit::code(Ok(recording))
}

async fn shown(of: &Distant, view: &mut View) -> Result<(String, Resource), Failure> {
    let mut last: Option<Resource> = None;
    until_over(of, Watching::Progress, |sight| match sight {
        Sight::Recording(now) => {
            let waiting = last.as_ref().and_then(|last| last.waiting.as_ref());
            if let Some(why) = now.waiting.as_ref().filter(|why| Some(*why) != waiting) {
                view.say(why);
            }
            let course = course(now);
            for event in news(last.as_ref(), now) {
                view.show(&event, &course);
            }
            last = Some(now.clone());
        }
        Sight::Away(why) => view.say(why),
        Sight::Back => view.say("the server is back"),
    })
    .await
}

/// Returns at the second Ctrl-C or SIGTERM; the first one has the recording stopped.
async fn interrupts(of: &Distant) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(FailureKind::Internal, format!("Signals can't be received: {error}."));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut once = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    once().await;
    tokio::select! {
        stopped = stop(of) => stopped?,
        () = once() => return Ok(()),
    }
    once().await;
    Ok(())
}

/// A stop may be asked for twice.
async fn stop(of: &Distant) -> Result<(), Failure> {
    let mut absence = Absence::new(PATIENCE);
    loop {
        let url = of.server.url(["recordings", &of.id, "stop"]);
        match of.server.ask(Method::POST, url, None, &[]).await {
            Ok(_) => return Ok(()),
            Err(trouble) => absence.endure(trouble).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Takes requests one after the other, answers each by the next of these, and returns the keys that they came with. Without an
    /// answer the connection is closed.
    async fn keys_of(listener: TcpListener, answers: &[Option<&str>]) -> Vec<String> {
        let mut keys = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let (mut text, mut part) = (String::new(), [0; 4096]);
            while !text.contains("demo:lobby") {
                let read = stream.read(&mut part).await.expect("a request");
                assert_ne!(read, 0, "a whole request: {text}");
                text.push_str(&String::from_utf8_lossy(&part[..read]));
            }
            let key = text.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).expect("a key");
            keys.push(key.to_owned());
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).await.expect("taken");
            }
        }
        keys
    }

    #[tokio::test]
    async fn a_lost_answer_is_asked_for_again_by_the_same_key() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Server::at(&address, None).expect("valid");
        let request = RecordingRequest::of("demo:lobby".parse::<wallflower_domain::room::Room>().expect("a room"));
        let busy =
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{\"detail\":\"x\"}";
        let taken = "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let answers = [None, Some(busy), Some(taken)];
        let (answer, keys) =
            tokio::join!(post(&server, &request, "key-1", Duration::from_secs(30)), keys_of(listener, &answers));
        assert_eq!(answer.expect("at last").status, 201);
        assert_eq!(keys, ["key-1", "key-1", "key-1"]);
    }

    #[tokio::test]
    async fn what_stays_lost_is_told_to_be_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Server::at(&address, None).expect("valid");
        let request = RecordingRequest::of("demo:lobby".parse::<wallflower_domain::room::Room>().expect("a room"));
        // Then nobody listens there any more.
        let (answer, _) =
            tokio::join!(post(&server, &request, "key-1", Duration::from_millis(300)), keys_of(listener, &[None]));
        let failure = answer.expect_err("no answer");
        assert!(failure.message.contains("is not known"), "{failure}");
        assert_eq!(failure.fault().exit_code(), 1);
    }
}
