//! `wallflower share`

use std::process::ExitCode;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::request::{Moment, RelativePath};

use super::find::Distant;
use crate::args::ShareArgs;
use crate::control::table::aligned;
use crate::control::{print_lines, refused};

/// A link, as a server tells of it.
#[derive(Deserialize)]
struct Share {
    id: String,
    url: Option<String>,
    downloads: bool,
    file: Option<RelativePath>,
    expires_at: Moment,
}

#[derive(Deserialize)]
struct Shares {
    shares: Vec<Share>,
}

pub(crate) async fn share(args: ShareArgs) -> ExitCode {
    let json = args.json;
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refused(&failure, json),
    }
}

async fn run(args: ShareArgs) -> Result<(), Failure> {
    let server = args.server.remote()?.ok_or_else(|| {
        let sentence = "Links lead to a server's recordings; name it by --server, or WALLFLOWER_SERVER.";
        Failure::new(FailureKind::BadRequest, sentence)
    })?;
    let Distant { server, id } = Distant::find(server, Some(&args.id)).await?;
    let shares = server.url(["recordings", &id, "shares"]);
    if args.list {
        let (json, Shares { shares }) = server.get(shares).await?;
        let rows = shares.iter().map(|share| [share.id.clone(), share.expires_at.to_string(), opens(share)]);
        print_lines(if args.json { vec![json] } else { aligned(["ID", "EXPIRES", "OPENS"], rows.collect()) });
        return Ok(());
    }
    if let Some(share) = &args.revoke {
        server.ask(Method::DELETE, server.url(["recordings", &id, "shares", share]), None, &[]).await?;
        eprintln!("{share} leads nowhere any more");
        return Ok(());
    }
    let mut wanted = Map::new();
    wanted.extend(args.expires.map(|term| ("expires_in".to_owned(), Value::from(term.to_string()))));
    wanted.extend(args.download.map(|path| ("file".to_owned(), Value::from(String::from(path)))));
    wanted.extend(args.downloads.then(|| ("downloads".to_owned(), Value::from(true))));
    let answer = server.post(shares, &wanted).await?;
    let (json, made): (String, Share) = server.read(&answer)?;
    let url = made.url.clone().ok_or_else(|| server.foreign("it has no address"))?;
    eprintln!("link {} to {}, until {}; whoever has it can open it:", made.id, opens(&made), made.expires_at);
    print_lines([if args.json { json } else { url }]);
    Ok(())
}

fn opens(share: &Share) -> String {
    match &share.file {
        Some(path) => String::from(path.clone()),
        None if share.downloads => "the player, with downloads".to_owned(),
        None => "the player".to_owned(),
    }
}
