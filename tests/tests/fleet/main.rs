//! Thousands of recordings at once, without browsers: `make fleet` prints what that takes and keeps it in `docs/fleet.md`.
//!
//! A small fleet, which is what runs unless `FLEET_AGENTS` says otherwise, is no measurement; it shows that nothing is lost or doubled
//! when a replica, the store or the only orchestrator is killed.

mod clients;
mod table;
mod world;

use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::fleet::process::load;
use wallflower_tests::fleet::{Client, Fault, Latencies};
use wallflower_tests::harness::run::wallflower;
use wallflower_tests::harness::{Bench, RedisServer, Serve, my_turn};

use clients::{Asked, Kind};
use table::{Row, at_most, row, table};
use world::{ROOMY, SOON, World, wait};

/// The fleet that the goals are for.
const WHOLE: u32 = 10_000;

/// How large, how fast, how long.
#[derive(Clone, Copy)]
struct Scale {
    agents: u32,
    /// Of each second.
    starts: f64,
    /// Of each second: half of them ask for one, a quarter for a list, a quarter stop one.
    requests: f64,
    time: Duration,
}

fn scale() -> Scale {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let agents = number("FLEET_AGENTS").unwrap_or(200);
    let is_whole = agents >= WHOLE;
    let time = Duration::from_secs(number("FLEET_SECONDS").unwrap_or(if is_whole { 60 } else { 3 }).into());
    let (starts, requests) = if is_whole { (50.0, 200.0) } else { (10.0, 40.0) };
    Scale { agents, starts, requests, time }
}

/// What a steady load takes.
fn measure(world: &World, scale: Scale) -> Vec<Row> {
    let filled = world.fill(scale.agents);
    let quiet = Duration::from_secs(if scale.agents >= WHOLE { 10 } else { 1 });
    let before = world.cpu_s();
    std::thread::sleep(quiet);
    let idle_cores = (world.cpu_s() - before) / quiet.as_secs_f64();

    let before = world.cpu_s();
    let asked = world.runtime.block_on(world.clients.clone().load(scale));
    let busy_cores = (world.cpu_s() - before) / scale.time.as_secs_f64();
    let failed: Vec<_> = asked.iter().filter(|asked| !matches!(asked.status, Some(200 | 201))).collect();
    let failed: Vec<_> = failed.iter().map(|asked| (asked.kind, asked.status)).collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
    world.settle();
    world.assert_nothing_lost_or_doubled();

    let of =
        |kind: Kind| asked.iter().filter(|asked| asked.kind == kind).map(|asked| asked.took).collect::<Latencies>();
    let launched: Latencies = launches(world, &asked).collect();
    let both = |latencies: &Latencies| {
        let (half, most) = (latencies.percentile_ms(50.0), latencies.percentile_ms(99.0));
        (format!("{most:.1} ms (median {half:.1}, worst {:.0})", latencies.percentile_ms(100.0)), most)
    };
    let mut rows = vec![row(
        "live recordings, each heard of every 5 s or more often",
        "10,000",
        format!("{} in {:.0} s", scale.agents, filled.as_secs_f64()),
        scale.agents >= WHOLE,
    )];
    for (kind, figure) in [(Kind::Get, "get, p99"), (Kind::List, "list of 50, p99"), (Kind::Stop, "stop, p99")] {
        let (text, p99) = both(&of(kind));
        rows.push(row(figure, "<= 50 ms", text, p99 <= 50.0));
    }
    let (text, p99) = both(&launched);
    rows.push(row("start to launched, p99", "<= 100 ms", text, p99 <= 100.0));
    rows.push(at_most("memory of an orchestrator, most", "<= 1024 MiB", world.peak_mib(), 1024.0, "MiB"));
    rows.push(row("processor, of that fleet alone", "", format!("{idle_cores:.2} core"), true));
    rows.push(row("processor, with those requests", "", format!("{busy_cores:.2} core"), true));
    rows
}

/// From a start's arrival to the call of the launcher.
fn launches<'a>(world: &'a World, asked: &'a [Asked]) -> impl Iterator<Item = Duration> + 'a {
    let starts = asked.iter().filter_map(|asked| Some((asked.id.as_ref()?, asked.due)));
    starts.filter_map(|(id, due)| Some(world.account().of(id)?.launched_at?.saturating_duration_since(due)))
}

/// Load, in the midst of which something is killed; what was asked for, and when that was.
fn kill_under_load(world: &mut World, scale: Scale, kill: impl FnOnce(&mut World)) -> (Vec<Asked>, Instant) {
    let time = scale.time.min(Duration::from_secs(20));
    let load = world.runtime.spawn(world.clients.clone().load(Scale { time, ..scale }));
    std::thread::sleep(time / 4);
    let killed_at = Instant::now();
    kill(world);
    let asked = world.runtime.block_on(load).expect("the load is no panic");
    (asked, killed_at)
}

/// How long those who were connected to somebody in that moment were not heard by anybody.
fn takeovers(world: &World, killed_at: Instant, by: SocketAddr) -> Latencies {
    let entries = world.account().all();
    let mut taken_over = Latencies::default();
    taken_over.extend(entries.values().filter_map(|entry| {
        let before = entry.welcomes.iter().rfind(|(at, _)| *at <= killed_at)?;
        let after = entry.welcomes.iter().find(|(at, _)| *at > killed_at)?;
        (before.1 == by).then(|| after.0.duration_since(killed_at))
    }));
    taken_over
}

fn seconds(latencies: &Latencies) -> String {
    let of = |percent| latencies.percentile_ms(percent) / 1000.0;
    format!("{:.1} s of {} (median {:.1})", of(100.0), latencies.count(), of(50.0))
}

fn on_sqlite(scale: Scale) -> Vec<Row> {
    let mut world = World::new(1, "");
    let mut rows = measure(&world, scale);
    let (_, killed_at) = kill_under_load(&mut world, scale, |world| {
        world.serves[0].kill();
        world.serves[0].start_again(&world.bench);
    });
    world.settle();
    world.assert_nothing_lost_or_doubled();
    let back = takeovers(&world, killed_at, world.serves[0].address());
    rows.push(row("kill -9 of the orchestrator and its SQLite: lost, doubled", "0", "0".to_owned(), true));
    rows.push(row("… until the last agent was heard again", "", seconds(&back), true));
    world.serves[0].end();
    rows
}

fn on_redis(scale: Scale) -> Option<Vec<Row>> {
    let mut redis = RedisServer::start()?;
    let mut world = World::new(2, &format!("store = \"{}\"\n", redis.url()));
    let mut rows = measure(&world, scale);

    let lost = world.serves[0].address();
    let (asked, killed_at) = kill_under_load(&mut world, scale, |world| {
        let mut servers = world.clients.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|server| *server != lost);
        drop(servers);
        world.serves[0].kill();
    });
    world.settle();
    world.assert_nothing_lost_or_doubled();
    let taken_over = takeovers(&world, killed_at, lost);
    let after: Vec<Asked> = asked.into_iter().filter(|asked| asked.due > killed_at).collect();
    let launched: Latencies = launches(&world, &after).collect();
    rows.push(row("kill -9 of a replica: lost, doubled", "0", "0".to_owned(), true));
    let took = taken_over.percentile_ms(100.0);
    rows.push(row(
        "… until the last of its agents was heard by the other",
        "<= 5 s",
        seconds(&taken_over),
        took <= 5000.0,
    ));
    let worst = launched.percentile_ms(100.0);
    rows.push(row("… start to launched since, worst", "<= 5 s", seconds(&launched), worst <= 5000.0));
    rows.push(at_most("… memory of the other, most", "<= 1024 MiB", world.peak_mib(), 1024.0, "MiB"));

    world.serves[0].start_again(&world.bench);
    let servers = world.serves.iter().map(Serve::address).collect();
    *world.clients.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    kill_under_load(&mut world, scale, |_| {
        redis.kill();
        redis.start_again();
    });
    world.settle();
    world.assert_nothing_lost_or_doubled();
    rows.push(row("kill -9 of Redis: acknowledged and lost", "0", "0".to_owned(), true));
    world.serves.iter_mut().for_each(Serve::end);
    Some(rows)
}

#[test]
fn a_fleet_is_followed_and_nothing_of_it_is_lost_or_doubled() {
    let (_turn, scale, load_before) = (my_turn(), scale(), load());
    let sqlite = on_sqlite(scale);
    let redis = on_redis(scale);
    let table = table(scale, load_before, &sqlite, redis.as_deref());
    println!("{table}");
    // A small fleet is no measurement.
    let Some(path) = std::env::var_os("FLEET_TABLE").filter(|_| scale.agents >= WHOLE) else { return };
    std::fs::write(&path, &table).expect("the table can be written");
    let missed = sqlite.iter().chain(redis.iter().flatten()).filter(|row| !row.reached);
    let missed: Vec<_> = missed.map(|row| (row.figure, &row.measured)).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
}

/// One request of a client of its own.
#[track_caller]
fn ask(world: &World, client: &Client, method: &str, path: &str, body: Option<&Value>) -> Value {
    let answer = world.runtime.block_on(client.ask(world.serves[0].address(), method, path, body));
    let (status, answer) = answer.expect("an answer");
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
    answer
}

#[test]
fn an_agent_that_a_program_of_ones_own_has_started_and_lost_is_followed_by_another() {
    let mut world = World::new(1, "");
    world.fill(3);
    let id = world.clients.some(0).expect("one of three");
    let before = world.account().of(&id).expect("it was launched");
    world.fleet.kill(&id);
    wait("another agent follows", SOON, || world.account().of(&id).is_some_and(|entry| entry.launched == [1, 2]));
    wait("it is heard", SOON, || {
        world
            .account()
            .of(&id)
            .is_some_and(|entry| entry.is_connected && entry.said > before.said && entry.heard == entry.said)
    });
    let recording = ask(&world, &world.clients.client, "GET", &format!("/v1/recordings/{id}"), None);
    assert_eq!(
        (&recording["state"], &recording["agents"], &recording["interruptions"]),
        (&json!("recording"), &json!(2), &json!(1))
    );
    world.serves[0].end();
    world.bench.assert_nothing_left();
}

#[test]
fn a_launcher_that_fails_for_a_while_ends_nothing_that_has_begun() {
    let mut world = World::new(1, "");
    world.fill(1);
    let id = world.clients.some(0).expect("the only one");
    world.fleet.fail_next(&[Fault::Refuse]);
    world.fleet.kill(&id);
    wait("another agent follows", 2 * SOON, || world.account().of(&id).is_some_and(|entry| entry.launched == [1, 3]));
    wait("it records", SOON, || {
        let recording = ask(&world, &world.clients.client, "GET", &format!("/v1/recordings/{id}"), None);
        recording["state"] == "recording"
    });
    world.serves[0].end();
    world.bench.assert_nothing_left();
}

#[test]
fn an_agent_that_comes_after_its_recording_was_given_up_is_told_to_stop() {
    let mut world = World::new(1, "");
    world.fleet.fail_next(&[Fault::Late]);
    let request = json!({"room": "https://rooms.example/a"});
    let recording = ask(&world, &world.clients.client, "POST", "/v1/recordings", Some(&request));
    let id = recording["id"].as_str().expect("an id").to_owned();
    let state = || ask(&world, &world.clients.client, "GET", &format!("/v1/recordings/{id}"), None)["state"].clone();
    wait("it is given up", SOON, || state() == "failed");
    wait("its agent stops", SOON, || world.account().of(&id).is_some_and(|entry| entry.end_is_heard()));
    assert_eq!(world.account().of(&id).expect("it came").launched, [1]);
    assert_eq!(state(), "failed", "what was told is not taken back");
    world.serves[0].end();
    world.bench.assert_nothing_left();
}

#[test]
fn a_key_s_own_limit_queues_its_recordings_and_nobody_else_s() {
    let bench = Bench::new();
    let key = |name: &str| {
        let mut command = bench.command(&wallflower());
        let made =
            command.args(["keys", "create", name, "--scope", "record", "--data", "data"]).output().expect("it runs");
        String::from_utf8(made.stdout).expect("text").trim().to_owned()
    };
    let (one, other) = (Client::with_key(&key("one")), Client::with_key(&key("other")));
    let mut world = World::on(bench, 1, &format!("{ROOMY}recordings_per_key = 1\n"));
    let start = |client: &Client| -> String {
        let recording =
            ask(&world, client, "POST", "/v1/recordings", Some(&json!({"room": "https://rooms.example/a"})));
        recording["id"].as_str().expect("an id").to_owned()
    };
    let show = |client: &Client, id: &str| ask(&world, client, "GET", &format!("/v1/recordings/{id}"), None);
    let (first, second, of_other) = (start(&one), start(&one), start(&other));
    wait("there is a place for each key", SOON, || {
        show(&one, &first)["state"] == "recording" && show(&other, &of_other)["state"] == "recording"
    });
    wait("the second says what it waits for", SOON, || {
        show(&one, &second)["waiting"] == "all 1 places of its API key are taken"
    });
    ask(&world, &one, "POST", &format!("/v1/recordings/{first}/stop"), None);
    wait("the second has its place", SOON, || show(&one, &second)["state"] == "recording");
    world.serves[0].end();
    world.bench.assert_nothing_left();
}
