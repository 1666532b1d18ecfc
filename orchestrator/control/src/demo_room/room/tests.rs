use proptest::prelude::*;

use super::*;

const QUIET: DemoMedia = DemoMedia { mic: false, camera: false, screen: false };
const TALKING: DemoMedia = DemoMedia { mic: true, camera: true, screen: false };

/// A room and what each client has been told, in order.
#[derive(Default)]
struct Stage {
    room: Room,
    last: u64,
    told: BTreeMap<ClientId, Vec<DemoDown>>,
}

impl Stage {
    fn join(&mut self, role: DemoRole, name: &str) -> ClientId {
        self.try_join(role, name).unwrap()
    }

    fn try_join(&mut self, role: DemoRole, name: &str) -> Result<ClientId, Refusal> {
        self.last += 1;
        let id = ClientId(self.last);
        let deliveries = self.room.join(id, role, name, TALKING)?;
        self.take(deliveries);
        Ok(id)
    }

    fn say(&mut self, from: ClientId, message: DemoUp) -> Result<(), Refusal> {
        let deliveries = self.room.handle(from, message)?;
        self.take(deliveries);
        Ok(())
    }

    fn leave(&mut self, id: ClientId) {
        let deliveries = self.room.leave(id);
        self.take(deliveries);
    }

    fn take(&mut self, deliveries: Vec<Delivery>) {
        for Delivery { to, message } in deliveries {
            for client in to {
                self.told.entry(client).or_default().push(message.clone());
            }
        }
    }

    /// What this client has been told since it was last asked.
    #[track_caller]
    fn news(&mut self, of: ClientId) -> Vec<DemoDown> {
        self.told.remove(&of).unwrap_or_default()
    }

    fn forget(&mut self) {
        self.told.clear();
    }
}

fn step(to: ClientId, publisher: ClientId, signal: DemoSignal) -> DemoUp {
    DemoUp::Signal { to: to.to_string(), publisher: publisher.to_string(), signal }
}

fn offer() -> DemoSignal {
    DemoSignal::Offer { sdp: "v=0".to_owned(), screen: None }
}

fn answer() -> DemoSignal {
    DemoSignal::Answer { sdp: "v=0".to_owned() }
}

fn candidate() -> DemoSignal {
    DemoSignal::Candidate { candidate: "candidate:1".to_owned(), sdp_mid: None, sdp_m_line_index: Some(0) }
}

fn chat(text: &str) -> DemoUp {
    DemoUp::Chat { text: text.to_owned() }
}

fn reaction(emoji: &str) -> DemoUp {
    DemoUp::Reaction { emoji: emoji.to_owned() }
}

#[track_caller]
fn refused<T>(result: Result<T, Refusal>) -> String {
    result.err().expect("refused").0
}

#[test]
fn who_joins_is_welcomed_with_the_others_and_they_are_told() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "  Ada ");
    let bot = stage.join(DemoRole::Synthetic, "Bot");
    let entry = |id: ClientId, name: &str, role| DemoParticipant {
        id: id.to_string(),
        name: name.to_owned(),
        role,
        media: TALKING,
    };
    let welcome = DemoDown::Welcome {
        id: bot.to_string(),
        participants: vec![entry(ada, "Ada", DemoRole::Person)],
        chat: vec![],
        recording: false,
    };
    assert_eq!(stage.news(bot), [welcome]);
    let joined = DemoDown::Joined { participant: entry(bot, "Bot", DemoRole::Synthetic) };
    assert_eq!(stage.news(ada)[1..], [joined]);
}

#[test]
fn who_leaves_is_taken_from_the_roster_and_the_others_are_told_once() {
    let mut stage = Stage::default();
    let (ada, bob) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"));
    stage.forget();
    stage.leave(bob);
    stage.leave(bob);
    assert_eq!(stage.news(ada), [DemoDown::Left { id: bob.to_string() }]);
    assert_eq!(stage.news(bob), []);
    stage.leave(ada);
    assert!(stage.room.is_empty());
}

#[test]
fn a_recorder_is_in_nobodys_roster() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "Ada");
    stage.forget();
    let recorder = stage.join(DemoRole::Recorder, "");
    assert_eq!(stage.news(ada), [DemoDown::Recording { active: true }]);
    assert!(matches!(&stage.news(recorder)[..], [DemoDown::Welcome { participants, recording: true, .. }]
        if participants.len() == 1));
    let bob = stage.join(DemoRole::Person, "Bob");
    assert!(matches!(&stage.news(bob)[..], [DemoDown::Welcome { participants, recording: true, .. }]
        if participants.len() == 1 && participants[0].id == ada.to_string()));
    assert!(matches!(&stage.news(recorder)[..], [DemoDown::Joined { .. }]));
}

#[test]
fn recording_is_told_when_the_first_recorder_comes_and_when_the_last_goes() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "Ada");
    stage.forget();
    let (one, two) = (stage.join(DemoRole::Recorder, ""), stage.join(DemoRole::Recorder, ""));
    assert_eq!(stage.news(ada), [DemoDown::Recording { active: true }]);
    stage.leave(one);
    assert_eq!(stage.news(ada), []);
    stage.leave(two);
    assert_eq!(stage.news(ada), [DemoDown::Recording { active: false }]);
}

#[test]
fn a_peer_connection_is_set_up_between_its_two_ends_only() {
    let mut stage = Stage::default();
    let (ada, bob, eve) =
        (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"), stage.join(DemoRole::Person, "Eve"));
    stage.forget();
    let signal =
        |from: ClientId, signal| DemoDown::Signal { from: from.to_string(), publisher: ada.to_string(), signal };
    stage.say(bob, step(ada, ada, DemoSignal::Subscribe)).unwrap();
    assert_eq!(stage.news(ada), [signal(bob, DemoSignal::Subscribe)]);
    stage.say(ada, step(bob, ada, offer())).unwrap();
    stage.say(ada, step(bob, ada, candidate())).unwrap();
    assert_eq!(stage.news(bob), [signal(ada, offer()), signal(ada, candidate())]);
    stage.say(bob, step(ada, ada, answer())).unwrap();
    stage.say(bob, step(ada, ada, candidate())).unwrap();
    assert_eq!(stage.news(ada), [signal(bob, answer()), signal(bob, candidate())]);
    assert_eq!(stage.news(eve), []);
}

#[test]
fn steps_of_the_wrong_end_are_refused() {
    let mut stage = Stage::default();
    let (ada, bob) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"));
    let eve = stage.join(DemoRole::Person, "Eve");
    for wrong in [
        step(ada, bob, DemoSignal::Subscribe),
        step(ada, bob, answer()),
        step(ada, ada, offer()),
        step(ada, eve, candidate()),
        step(bob, bob, DemoSignal::Subscribe),
    ] {
        assert!(refused(stage.say(bob, wrong.clone())).contains("sending end"), "{wrong:?}");
    }
}

#[test]
fn a_synthetic_participant_publishes_and_never_subscribes() {
    let mut stage = Stage::default();
    let (ada, bot) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Synthetic, "Bot"));
    stage.forget();
    stage.say(ada, step(bot, bot, DemoSignal::Subscribe)).unwrap();
    stage.say(bot, step(ada, bot, offer())).unwrap();
    assert_eq!(stage.news(ada).len(), 1);
    assert!(refused(stage.say(bot, step(ada, ada, DemoSignal::Subscribe))).contains("only publish"));
}

#[test]
fn a_recorder_may_only_subscribe() {
    let mut stage = Stage::default();
    let (ada, recorder) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Recorder, ""));
    stage.forget();
    for wrong in [chat("hello"), reaction("👏"), DemoUp::Media { media: QUIET }] {
        assert!(refused(stage.say(recorder, wrong)).contains("silent"));
    }
    assert!(refused(stage.say(recorder, step(ada, recorder, offer()))).contains("silent"));
    assert_eq!(stage.news(ada), []);
    stage.say(recorder, step(ada, ada, DemoSignal::Subscribe)).unwrap();
    assert_eq!(stage.news(ada).len(), 1);
}

#[test]
fn only_publishers_that_a_recorder_has_signalled_can_signal_it() {
    let mut stage = Stage::default();
    let (ada, bob) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"));
    let recorder = stage.join(DemoRole::Recorder, "");
    stage.say(recorder, step(ada, ada, DemoSignal::Subscribe)).unwrap();
    stage.forget();
    stage.say(bob, step(recorder, bob, offer())).unwrap();
    assert_eq!(stage.news(recorder), [], "Bob has guessed an id, which tells him nothing");
    stage.say(ada, step(recorder, ada, offer())).unwrap();
    assert_eq!(stage.news(recorder).len(), 1);
}

#[test]
fn steps_for_somebody_who_has_left_are_dropped() {
    let mut stage = Stage::default();
    let (ada, bob) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"));
    stage.leave(bob);
    stage.forget();
    stage.say(ada, step(bob, ada, offer())).unwrap();
    stage.say(ada, step(bob, bob, answer())).unwrap();
    stage.say(bob, chat("late")).unwrap();
    let nobody = DemoUp::Signal { to: "ada".to_owned(), publisher: "ada".to_owned(), signal: DemoSignal::Subscribe };
    stage.say(ada, nobody).unwrap();
    assert!(stage.told.is_empty());
}

#[test]
fn a_change_of_media_is_told_to_the_others_and_to_those_who_come_later() {
    let mut stage = Stage::default();
    let (ada, bob) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Person, "Bob"));
    stage.forget();
    let media = DemoMedia { screen: true, ..QUIET };
    stage.say(ada, DemoUp::Media { media }).unwrap();
    assert_eq!(stage.news(bob), [DemoDown::Media { id: ada.to_string(), media }]);
    assert_eq!(stage.news(ada), []);
    let eve = stage.join(DemoRole::Person, "Eve");
    assert!(matches!(&stage.news(eve)[..], [DemoDown::Welcome { participants, .. }] if participants[0].media == media));
}

#[test]
fn chat_and_reactions_reach_everyone_with_the_senders_name() {
    let mut stage = Stage::default();
    let (ada, recorder) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Recorder, ""));
    stage.forget();
    stage.say(ada, chat("hello")).unwrap();
    stage.say(ada, reaction("👩‍👩‍👧‍👦")).unwrap();
    let (from, name) = (ada.to_string(), "Ada".to_owned());
    let line = DemoChatLine { from: from.clone(), name: name.clone(), text: "hello".to_owned() };
    let told = [DemoDown::Chat { line }, DemoDown::Reaction { from, name, emoji: "👩‍👩‍👧‍👦".to_owned() }];
    assert_eq!(stage.news(ada), told);
    assert_eq!(stage.news(recorder), told);
}

#[test]
fn what_somebody_says_reaches_everyone_else_and_nobody_who_comes_later() {
    let mut stage = Stage::default();
    let (ada, recorder) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Recorder, ""));
    stage.forget();
    let says = |text: &str, segment: &str| DemoUp::Caption { segment: segment.into(), text: text.into(), last: false };
    stage.say(ada, says("Good morn", "1")).unwrap();
    let (from, name) = (ada.to_string(), "Ada".to_owned());
    let told = DemoDown::Caption { from, name, segment: "1".into(), text: "Good morn".into(), last: false };
    assert_eq!(stage.news(recorder), [told]);
    assert_eq!(stage.news(ada), []);
    assert!(stage.say(ada, says("x", &"s".repeat(65))).is_err() && stage.say(ada, says(" ", "2")).is_err());
}

#[test]
fn the_last_fifty_lines_of_chat_are_kept_for_those_who_come_later() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "Ada");
    for number in 0..60 {
        stage.say(ada, chat(&format!("line {number}"))).unwrap();
    }
    let bob = stage.join(DemoRole::Person, "Bob");
    let news = stage.news(bob);
    let [DemoDown::Welcome { chat, .. }] = &news[..] else { panic!("{news:?}") };
    let texts: Vec<_> = chat.iter().map(|line| line.text.clone()).collect();
    let expected: Vec<_> = (10..60).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn names_are_one_to_sixty_four_characters_on_one_line() {
    let mut stage = Stage::default();
    for name in ["", "   ", "a\nb", "a\u{0}", &"x".repeat(65)] {
        assert!(refused(stage.try_join(DemoRole::Person, name)).contains("name"), "{name:?}");
    }
    for name in ["A", &"漢".repeat(64), "أحمد", "🙂"] {
        stage.join(DemoRole::Person, name);
    }
    stage.join(DemoRole::Recorder, &"ignored".repeat(100));
}

#[test]
fn chat_is_one_to_two_thousand_characters_and_a_reaction_one_emoji() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "Ada");
    stage.say(ada, chat(&"é".repeat(2000))).unwrap();
    for text in ["", " \n ", &"x".repeat(2001)] {
        assert!(refused(stage.say(ada, chat(text))).contains("chat"), "{text:?}");
    }
    for emoji in ["👏", "❤️", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"] {
        stage.say(ada, reaction(emoji)).unwrap();
    }
    for text in ["", "ok", "👏 👏", "👏\n", &"👏".repeat(9)] {
        assert!(refused(stage.say(ada, reaction(text))).contains("emoji"), "{text:?}");
    }
}

#[test]
fn nobody_joins_twice_nor_a_full_room() {
    let mut stage = Stage::default();
    let ada = stage.join(DemoRole::Person, "Ada");
    let again = DemoUp::Join { role: DemoRole::Person, name: "Ada".to_owned(), media: QUIET };
    assert!(refused(stage.say(ada, again)).contains("already joined"));
    for _ in 1..MAX_CLIENTS {
        stage.join(DemoRole::Synthetic, "Bot");
    }
    assert!(refused(stage.try_join(DemoRole::Recorder, "")).contains("full"));
    stage.leave(ada);
    stage.join(DemoRole::Recorder, "");
}

#[test]
fn a_closed_room_tells_everyone_and_is_empty() {
    let mut stage = Stage::default();
    let (ada, recorder) = (stage.join(DemoRole::Person, "Ada"), stage.join(DemoRole::Recorder, ""));
    assert_eq!(stage.room.close(), Delivery { to: vec![ada, recorder], message: DemoDown::Closed });
    assert!(stage.room.is_empty());
}

#[test]
fn room_names_are_short_and_plain() {
    for text in ["a", "Team-7_x", &"x".repeat(64)] {
        assert_eq!(text.parse::<RoomName>().unwrap().to_string(), text);
    }
    for text in ["", "a b", "é", "a/b", "..", "a.b", "%41", &"x".repeat(65)] {
        assert_eq!(text.parse::<RoomName>(), Err(InvalidRoomName), "{text:?}");
    }
}

#[derive(Clone, Debug)]
enum Action {
    Join(DemoRole),
    Leave(usize),
    Say(usize, DemoUp),
    Signal(usize, usize, bool, DemoSignal),
}

fn action() -> impl Strategy<Value = Action> {
    let role = prop_oneof![Just(DemoRole::Person), Just(DemoRole::Synthetic), Just(DemoRole::Recorder)];
    let media = any::<(bool, bool, bool)>().prop_map(|(mic, camera, screen)| DemoMedia { mic, camera, screen });
    let said = prop_oneof![
        media.prop_map(|media| DemoUp::Media { media }),
        Just(chat("hello")),
        Just(chat("")),
        Just(reaction("👏"))
    ];
    let step = prop_oneof![Just(DemoSignal::Subscribe), Just(offer()), Just(answer()), Just(candidate())];
    prop_oneof![
        3 => role.prop_map(Action::Join),
        1 => any::<usize>().prop_map(Action::Leave),
        2 => (any::<usize>(), said).prop_map(|(who, what)| Action::Say(who, what)),
        4 => (any::<usize>(), any::<usize>(), any::<bool>(), step)
            .prop_map(|(from, to, publishes, signal)| Action::Signal(from, to, publishes, signal)),
    ]
}

/// What a client knows when it applies all it is told, as a page would.
#[derive(Debug, Default, PartialEq)]
struct View {
    participants: Vec<DemoParticipant>,
    recording: bool,
}

impl View {
    fn apply(&mut self, message: DemoDown) {
        match message {
            DemoDown::Welcome { participants, recording, .. } => *self = View { participants, recording },
            DemoDown::Joined { participant } => self.participants.push(participant),
            DemoDown::Left { id } => self.participants.retain(|participant| participant.id != id),
            DemoDown::Media { id, media } => {
                let known = self.participants.iter_mut().find(|participant| participant.id == id);
                known.expect("media of a known participant").media = media;
            }
            DemoDown::Recording { active } => {
                assert_ne!(self.recording, active, "told what is known");
                self.recording = active;
            }
            DemoDown::Chat { .. } | DemoDown::Caption { .. } | DemoDown::Reaction { .. } | DemoDown::Signal { .. } => {}
            DemoDown::Refused { .. } | DemoDown::Closed => panic!("a room does not say this"),
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_everyones_view_is_the_room(actions in prop::collection::vec(action(), 1..80)) {
        let mut stage = Stage::default();
        let mut views = BTreeMap::<ClientId, View>::new();
        let mut signalled = BTreeSet::new();
        for action in actions {
            let clients: Vec<ClientId> = views.keys().copied().collect();
            let pick = |number: usize| clients.get(number % clients.len().max(1)).copied();
            match action {
                Action::Join(role) => {
                    if let Ok(id) = stage.try_join(role, "Name") {
                        views.insert(id, View::default());
                    }
                }
                Action::Leave(who) => {
                    if let Some(id) = pick(who) {
                        views.remove(&id);
                        stage.leave(id);
                    }
                }
                Action::Say(who, what) => {
                    if let Some(id) = pick(who) && stage.say(id, what).is_err() {
                        views.remove(&id);
                        stage.leave(id);
                    }
                }
                Action::Signal(from, to, publishes, signal) => {
                    let (Some(from), Some(to)) = (pick(from), pick(to)) else { continue };
                    let publisher = if publishes { from } else { to };
                    let _ = stage.say(from, step(to, publisher, signal));
                }
            }
            for (client, told) in std::mem::take(&mut stage.told) {
                let Some(view) = views.get_mut(&client) else { panic!("{client} has left and is told {told:?}") };
                for message in told {
                    if let DemoDown::Signal { from, .. } = &message {
                        signalled.insert((ClientId::parse(from).unwrap(), client));
                    }
                    view.apply(message);
                }
            }
            for (client, view) in &views {
                let mut roster = stage.room.roster();
                roster.retain(|participant| participant.id != client.to_string());
                prop_assert!(roster.iter().all(|participant| participant.role != DemoRole::Recorder));
                prop_assert_eq!(&view.participants, &roster);
                prop_assert_eq!(view.recording, stage.room.is_recording());
            }
        }
        for (id, client) in &stage.room.clients {
            if client.role == DemoRole::Recorder {
                for (from, to) in signalled.iter().filter(|(_, to)| to == id) {
                    prop_assert!(signalled.contains(&(*to, *from)), "{} knew a recorder that had not signalled it", from);
                }
            }
        }
    }
}
