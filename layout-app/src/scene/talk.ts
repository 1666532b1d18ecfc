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
