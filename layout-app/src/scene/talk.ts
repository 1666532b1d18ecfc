/** What is said in a simulated room. */
export const LINES = [
  "Good morning everyone ☕",
  "The slides are in the shared folder, page 12 has the numbers we talked about last week.",
  "Could you zoom in a little?",
  "مرحبا بالجميع",
  "ありがとうございます！",
  "Thank you — that was very clear.",
] as const;

export const EMOJI = ["👏", "🎉", "❤️", "😂", "👍", "🙌🏽", "🔥"] as const;

/** What is said aloud, a sentence at a time. */
export const SENTENCES = [
  "So, what we saw last month is that most people join from their phones,",
  "and that they stay for longer when somebody greets them by name.",
  "Shall we look at the numbers before we talk about the next steps?",
] as const;
