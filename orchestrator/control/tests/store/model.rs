//! A store in a few lines of memory. Random operations come out of every store as they come out of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use wallflower_control::store::{Created, Idempotency, Replaced, Settled, Store, StoreError};
use wallflower_domain::record::{Notice, Query, Record};
use wallflower_domain::recording::State;

use crate::ground::{Ground, next, notice, record_of};

const HOUR: Duration = Duration::from_secs(3600);
const ROOMS: [&str; 3] = ["demo:a", "demo:b", "https://example.org/page?x=*[a-z]"];
const STATES: [State; 4] = [State::Queued, State::Recording, State::Completed, State::Failed];
const ADDRESSES: [&str; 2] = ["http://a/", "http://b/?x=\"1\""];

#[derive(Clone, Debug)]
enum Operation {
    Create { shape: Shape, once: Option<(u8, u8, i64)>, notices: Vec<NoticeShape> },
    Replace { shape: Shape, too_late: bool, notices: Vec<NoticeShape> },
    Get { id: u8 },
    Delete { id: u8 },
    List(Query),
    Lease { name: u8, holder: u8, back: bool },
    Due { by_us: i64, limit: usize },
    Dead { limit: usize },
    Settle { which: Index, kept: Option<(i64, bool)> },
}

#[derive(Clone, Debug)]
struct Shape {
    id: u8,
    room: &'static str,
    owner: Option<&'static str>,
    state: State,
    expires_us: Option<i64>,
}

#[derive(Clone, Debug)]
struct NoticeShape {
    recording: u8,
    url: &'static str,
    due_us: i64,
    dead: bool,
    /// It has the id of one that was there before.
    again: bool,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Created(Created),
    Replaced(Replaced),
    Got(Option<Box<Record>>),
    Listed(Vec<Record>),
    Did(bool),
    Notices(Vec<Notice>),
    Settled,
    Refused,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let id = || 0..6_u8;
    let time = || 0..600_i64;
    let owner = || prop::option::of(select(vec!["alice", "bob"]));
    let shape = || {
        (id(), select(ROOMS.to_vec()), owner(), select(STATES.to_vec()), prop::option::of(time()))
            .prop_map(|(id, room, owner, state, expires_us)| Shape { id, room, owner, state, expires_us })
    };
    let notices = || {
        let one = (0..3_u8, select(ADDRESSES.to_vec()), time(), prop::bool::weighted(0.1), prop::bool::weighted(0.05));
        let one =
            one.prop_map(|(recording, url, due_us, dead, again)| NoticeShape { recording, url, due_us, dead, again });
        prop::collection::vec(one, 0..3)
    };
    let query = (
        prop::collection::vec(select(STATES.to_vec()), 0..3),
        prop::option::of(select(ROOMS.to_vec())),
        owner(),
        prop::option::of(time()),
        prop::option::of(id()),
        0..5_usize,
    )
        .prop_map(|(states, room, owner, expired_by_us, after, limit)| Query {
            states,
            room: room.map(str::to_owned),
            owner: owner.map(str::to_owned),
            expired_by_us,
            after: after.map(record_id),
            limit,
        });
    let once = prop::option::of((0..2_u8, 0..2_u8, time()));
    let one = prop_oneof![
        4 => (shape(), once, notices()).prop_map(|(shape, once, notices)| Operation::Create { shape, once, notices }),
        6 => (shape(), prop::bool::weighted(0.2), notices())
            .prop_map(|(shape, too_late, notices)| Operation::Replace { shape, too_late, notices }),
        1 => id().prop_map(|id| Operation::Get { id }),
        1 => id().prop_map(|id| Operation::Delete { id }),
        5 => query.prop_map(Operation::List),
        1 => (0..2_u8, 0..2_u8, any::<bool>()).prop_map(|(name, holder, back)| Operation::Lease { name, holder, back }),
        3 => (time(), 0..5_usize).prop_map(|(by_us, limit)| Operation::Due { by_us, limit }),
        1 => (0..5_usize).prop_map(|limit| Operation::Dead { limit }),
        4 => (any::<Index>(), prop::option::of((time(), prop::bool::weighted(0.3))))
            .prop_map(|(which, kept)| Operation::Settle { which, kept }),
    ];
    prop::collection::vec(one, 1..60)
}

fn record_id(number: u8) -> String {
    format!("r{number}")
}

/// Something that has exactly one outcome: what is asked of store and model alike.
enum Asked {
    Create(Record, Option<Idempotency>, Vec<Notice>, i64),
    Replace(Record, Vec<Notice>),
    Get(String),
    Delete(String),
    List(Query),
    Lease(String, String, Duration),
    Notices(Option<i64>, usize),
    Settle(String, Settled),
}

#[derive(Default)]
struct Model {
    records: BTreeMap<String, Record>,
    notices: BTreeMap<String, Notice>,
    once: BTreeMap<(Option<String>, String), (String, String, i64)>,
    leases: BTreeMap<String, String>,
}

impl Model {
    fn ask(&mut self, asked: &Asked) -> Answer {
        match asked {
            Asked::Create(record, once, notices, now_us) => self.create(record, once.as_ref(), notices, *now_us),
            Asked::Replace(record, notices) => self.replace(record, notices),
            Asked::Get(id) => Answer::Got(self.records.get(id).cloned().map(Box::new)),
            Asked::Delete(id) => Answer::Did(self.records.remove(id).is_some()),
            Asked::List(query) => {
                let all = self.records.values().rev().filter(|record| matches(query, record));
                Answer::Listed(all.take(query.limit).cloned().collect())
            }
            Asked::Lease(name, holder, time_to_live) => {
                let free = self.leases.get(name).is_none_or(|has| has == holder);
                if free && time_to_live.is_zero() {
                    self.leases.remove(name);
                } else if free {
                    self.leases.insert(name.clone(), holder.clone());
                }
                Answer::Did(free)
            }
            Asked::Notices(Some(by_us), limit) => {
                let mut heads: BTreeMap<_, &Notice> = BTreeMap::new();
                for notice in self.notices.values().filter(|notice| !notice.dead) {
                    heads.entry((&notice.recording, &notice.url)).or_insert(notice);
                }
                let mut due: Vec<_> = heads.into_values().filter(|notice| notice.due_us <= *by_us).cloned().collect();
                due.sort_by_key(|notice| (notice.due_us, notice.id.clone()));
                due.truncate(*limit);
                Answer::Notices(due)
            }
            Asked::Notices(None, limit) => {
                let dead = self.notices.values().rev().filter(|notice| notice.dead);
                Answer::Notices(dead.take(*limit).cloned().collect())
            }
            Asked::Settle(id, settled) => {
                match settled {
                    Settled::Told => drop(self.notices.remove(id)),
                    Settled::Kept(now) => {
                        self.notices.entry(id.clone()).and_modify(|notice| notice.clone_from(now));
                    }
                }
                Answer::Settled
            }
        }
    }

    fn create(&mut self, record: &Record, once: Option<&Idempotency>, notices: &[Notice], now_us: i64) -> Answer {
        let name = once.map(|once| (record.owner.clone(), once.key.clone()));
        let before = name.as_ref().and_then(|name| self.once.get(name)).filter(|(.., expires_us)| *expires_us > now_us);
        if let Some((digest, id, _)) = before {
            let record = self.records.get(id).cloned().map(Box::new);
            return Answer::Created(Created::Before { digest: digest.clone(), record });
        }
        if self.records.contains_key(record.id()) || self.clash(notices) {
            return Answer::Refused;
        }
        if let (Some(name), Some(once)) = (name, once) {
            self.once.insert(name, (once.digest.clone(), record.id().to_owned(), once.expires_us));
        }
        self.store(record, notices);
        Answer::Created(Created::New)
    }

    fn replace(&mut self, record: &Record, notices: &[Notice]) -> Answer {
        match self.records.get(record.id()) {
            None => Answer::Replaced(Replaced::Gone),
            Some(now) if now.version + 1 != record.version => Answer::Replaced(Replaced::Stale(Box::new(now.clone()))),
            Some(_) if self.clash(notices) => Answer::Refused,
            Some(_) => {
                self.store(record, notices);
                Answer::Replaced(Replaced::Stored)
            }
        }
    }

    fn clash(&self, notices: &[Notice]) -> bool {
        notices.iter().any(|notice| self.notices.contains_key(&notice.id))
    }

    fn store(&mut self, record: &Record, notices: &[Notice]) {
        self.records.insert(record.id().to_owned(), record.clone());
        self.notices.extend(notices.iter().map(|notice| (notice.id.clone(), notice.clone())));
    }
}

fn matches(query: &Query, record: &Record) -> bool {
    (query.states.is_empty() || query.states.contains(&record.state()))
        && query.room.as_ref().is_none_or(|room| *room == record.request.room.room.to_string())
        && query.owner.as_ref().is_none_or(|owner| record.owner.as_ref() == Some(owner))
        && query.expired_by_us.is_none_or(|by_us| record.expiry_due_us().is_some_and(|due_us| due_us <= by_us))
        && query.after.as_ref().is_none_or(|after| record.id() < after.as_str())
}

/// Makes operations concrete, by what the model holds.
#[derive(Default)]
struct Script {
    model: Model,
    told: usize,
}

impl Script {
    fn next(&mut self, operation: Operation, now_us: i64) -> Asked {
        match operation {
            Operation::Create { shape, once, notices } => {
                let once = once.map(|(key, digest, lasts_us)| Idempotency {
                    key: format!("k{key}"),
                    digest: format!("d{digest}"),
                    expires_us: now_us + lasts_us,
                });
                let notices = self.notices(notices);
                Asked::Create(shaped(&shape, 1), once, notices, now_us)
            }
            Operation::Replace { shape, too_late, notices } => {
                let now = self.model.records.get(&record_id(shape.id)).map_or(1, |record| record.version);
                let version = if too_late { now } else { now + 1 };
                let notices = self.notices(notices);
                Asked::Replace(shaped(&shape, version), notices)
            }
            Operation::Get { id } => Asked::Get(record_id(id)),
            Operation::Delete { id } => Asked::Delete(record_id(id)),
            Operation::List(query) => Asked::List(query),
            Operation::Lease { name, holder, back } => {
                let time_to_live = if back { Duration::ZERO } else { HOUR };
                Asked::Lease(format!("l{name}"), format!("h{holder}"), time_to_live)
            }
            Operation::Due { by_us, limit } => Asked::Notices(Some(by_us), limit),
            Operation::Dead { limit } => Asked::Notices(None, limit),
            Operation::Settle { which, kept } => {
                let notices: Vec<_> = self.model.notices.values().collect();
                let known = (!notices.is_empty()).then(|| (*which.get(&notices)).clone());
                let notice = known.unwrap_or_else(|| notice("gone", "r0", ADDRESSES[0], 0));
                let settled = match kept {
                    None => Settled::Told,
                    Some((due_us, dead)) => {
                        Settled::Kept(Notice { due_us, dead, tries: notice.tries + 1, ..notice.clone() })
                    }
                };
                Asked::Settle(notice.id, settled)
            }
        }
    }

    fn notices(&mut self, shapes: Vec<NoticeShape>) -> Vec<Notice> {
        let mut notices = Vec::new();
        for shape in shapes {
            let known = self.model.notices.keys().next_back().filter(|_| shape.again).cloned();
            let id = known.unwrap_or_else(|| {
                self.told += 1;
                format!("n{:04}", self.told)
            });
            if notices.iter().any(|before: &Notice| before.id == id) {
                continue;
            }
            let recording = record_id(shape.recording);
            notices.push(Notice { dead: shape.dead, ..notice(&id, &recording, shape.url, shape.due_us) });
        }
        notices
    }
}

fn shaped(shape: &Shape, version: u64) -> Record {
    let mut record = next(&record_of(&record_id(shape.id), shape.room, shape.owner));
    record.version = version;
    record.recording.state = shape.state;
    record.expires_us = shape.expires_us;
    record
}

async fn ask(store: &Arc<dyn Store>, asked: &Asked) -> Answer {
    let answer = match asked {
        Asked::Create(record, once, notices, now_us) => {
            store.create(record, once.as_ref(), notices, *now_us).await.map(Answer::Created)
        }
        Asked::Replace(record, notices) => store.replace(record, notices).await.map(Answer::Replaced),
        Asked::Get(id) => store.get(id).await.map(|record| Answer::Got(record.map(Box::new))),
        Asked::Delete(id) => store.delete(id).await.map(Answer::Did),
        Asked::List(query) => store.list(query).await.map(Answer::Listed),
        Asked::Lease(name, holder, time_to_live) => store.lease(name, holder, *time_to_live).await.map(Answer::Did),
        Asked::Notices(due_by_us, limit) => store.notices(*due_by_us, *limit).await.map(Answer::Notices),
        Asked::Settle(id, settled) => store.settle(id, settled.clone()).await.map(|()| Answer::Settled),
    };
    match answer {
        Ok(answer) => answer,
        Err(StoreError::Broken(_)) => Answer::Refused,
        Err(StoreError::Unavailable(reason)) => panic!("the store is not there: {reason}"),
    }
}

pub(crate) async fn random_operations_come_out_as_in_the_model(ground: Ground) {
    let runtime = tokio::runtime::Handle::current();
    let test = move || {
        let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&operations(), |operations| {
            runtime.block_on(async {
                let store = ground.open_fresh().await;
                let mut script = Script::default();
                for (operation, now_us) in operations.into_iter().zip((0..).step_by(10)) {
                    let said = format!("{operation:?}");
                    let asked = script.next(operation, now_us);
                    prop_assert_eq!(ask(&store, &asked).await, script.model.ask(&asked), "{}", said);
                }
                Ok(())
            })
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    };
    tokio::task::spawn_blocking(test).await.unwrap();
}
