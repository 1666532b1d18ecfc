//! The card that covers the page while the recording is paused.

use wallflower_domain::theme::Theme;

const ID: &str = "__wallflower-card";

/// Puts the card over everything that the page shows, dialogs and full screen included. Resolves to true once it is painted.
pub(crate) fn shown(theme: &Theme) -> String {
    format!("(() => {{{} return {PAINTED}; }})()", put(theme))
}

/// Does so in a document that has only begun, before anything of it is painted. Frames within the page are below its card.
pub(crate) fn shown_from_the_beginning(theme: &Theme) -> String {
    format!(
        "(() => {{
  if (self !== top) return;
  const put = () => {{{}}};
  if (document.documentElement) return put();
  new MutationObserver((_, observer) => {{
    if (!document.documentElement) return;
    observer.disconnect();
    put();
  }}).observe(document, {{ childList: true }});
}})()",
        put(theme)
    )
}

/// Statements that put it there, before everything else if it is there already.
fn put(theme: &Theme) -> String {
    let style = serde_json::json!({
        "background": theme.colors.background,
        "color": theme.colors.text,
        "fontFamily": theme.font_family,
    });
    let texts = serde_json::json!({ "title": theme.title, "text": "Recording paused" });
    format!(
        "
  const texts = {texts};
  let card = document.getElementById('{ID}');
  if (!card) {{
    card = document.createElement('div');
    card.id = '{ID}';
    card.popover = 'manual';
    Object.assign(card.style, {{
      all: 'initial', position: 'fixed', inset: '0', zIndex: '2147483647', width: '100vw', height: '100vh', margin: '0', border: '0',
      padding: '0', boxSizing: 'border-box', display: 'flex', flexDirection: 'column', alignItems: 'center', justifyContent: 'center',
      gap: '2vmin', cursor: 'none',
    }}, {style});
    const line = (text, size, opacity) => {{
      const element = document.createElement('div');
      element.textContent = text;
      Object.assign(element.style, {{ fontSize: size, opacity, textAlign: 'center', maxWidth: '80vw' }});
      card.append(element);
    }};
    if (texts.title) line(texts.title, '4vmin', '0.7');
    line(texts.text, '6vmin', '1');
    document.documentElement.append(card);
  }}
  try {{ card.hidePopover?.(); }} catch {{ /* It was not shown. */ }}
  card.showPopover?.();
"
    )
}

/// Takes it away. Resolves to true once the page is painted without it.
pub(crate) fn hidden() -> String {
    format!("(() => {{ document.getElementById('{ID}')?.remove(); return {PAINTED}; }})()")
}

/// One frame to lay it out, one until it is on the display.
pub(crate) const PAINTED: &str =
    "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";
