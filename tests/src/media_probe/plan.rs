//! What the probe page shows and sounds.

use std::sync::LazyLock;

use serde::Deserialize;

/// The plan of the page, as the page itself embeds it. Lengths are fractions of the frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Number of columns in which the row of cells is measured.
    pub columns: u32,
    /// The row of cells.
    pub counter: CounterPlan,
    /// The area that turns white.
    pub flash: FlashPlan,
    /// The burst of tone.
    pub beep: BeepPlan,
}

/// See [`Plan::counter`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CounterPlan {
    /// Bits of the number; the row has four cells more: white, black, then after the bits parity, white.
    pub bits: u32,
    /// Column of the first cell; a cell is one column wide.
    pub first_column: u32,
    /// Upper edge.
    pub top: f64,
    /// Height of the cells.
    pub height: f64,
}

/// See [`Plan::flash`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashPlan {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// How long it stays white.
    pub seconds: f64,
}

/// See [`Plan::beep`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeepPlan {
    /// Frequency.
    pub hertz: f64,
    /// Length of the burst.
    pub seconds: f64,
    /// Peak, of full scale.
    pub amplitude: f64,
    /// From onset to onset.
    pub every_seconds: f64,
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../layout-app/src/probe/plan.json"))
        .expect("the plan is part of this source")
});

impl Plan {
    /// The one plan.
    pub fn get() -> &'static Self {
        &PLAN
    }
}
