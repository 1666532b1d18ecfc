//! The Lua of the store; what each takes and gives is in its first line.

use redis::Script;

use super::super::DEAD_NOTICES;

/// A reader that was away for more changes than these is told that it has missed some.
const CHANGES_KEPT: usize = 10_000;

const PRELUDE: &str = include_str!("scripts/prelude.lua");

/// Each is one atomic step.
pub(super) struct Scripts {
    pub(super) open: Script,
    pub(super) create: Script,
    pub(super) replace: Script,
    pub(super) delete: Script,
    pub(super) list: Script,
    pub(super) lease: Script,
    pub(super) notices: Script,
    pub(super) settle: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        let script = |body: &str| {
            Script::new(&format!("local dead_kept, changes_kept = {DEAD_NOTICES}, {CHANGES_KEPT}\n{PRELUDE}\n{body}"))
        };
        Self {
            open: script(include_str!("scripts/open.lua")),
            create: script(include_str!("scripts/create.lua")),
            replace: script(include_str!("scripts/replace.lua")),
            delete: script(include_str!("scripts/delete.lua")),
            list: script(include_str!("scripts/list.lua")),
            lease: script(include_str!("scripts/lease.lua")),
            notices: script(include_str!("scripts/notices.lua")),
            settle: script(include_str!("scripts/settle.lua")),
        }
    }
}
