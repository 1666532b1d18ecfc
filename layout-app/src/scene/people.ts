import type { Scene, SceneNames } from "../contract";

/** More are not drawn: `Scene::MOST_PEOPLE`. */
export const MOST_PEOPLE = 200;

/** One of the people of a simulated room. */
export interface ScenePerson {
  readonly identity: string;
  readonly name: string;
  readonly mic: boolean;
  readonly camera: "off" | "wide" | "tall" | "classic";
  readonly sharing: boolean;
  readonly steady: boolean;
  /** Place in the order of raised hands; null for a hand that is down. */
  readonly hand: number | null;
}

export function identityOf(at: number): string {
  return `person-${at + 1}`;
}

export function nameOf(names: SceneNames, at: number): string {
  const known = NAMES[names];
  return known[at % known.length] ?? "";
}

/** Everybody of a scene, in order. */
export function peopleOf(scene: Scene): ScenePerson[] {
  const count = Math.min(Math.max(scene.people, 0), MOST_PEOPLE);
  return Array.from({ length: count }, (_, at) => {
    const hand = scene.hands.indexOf(at);
    return {
      identity: identityOf(at),
      name: nameOf(scene.names, at),
      mic: at === scene.speaker || !scene.muted.includes(at),
      camera: cameraOf(scene, at),
      sharing: scene.shares.includes(at),
      steady: !scene.lost.includes(at),
      hand: hand < 0 ? null : hand,
    };
  });
}

function cameraOf({ off, tall, classic }: Scene, at: number): ScenePerson["camera"] {
  if (off.includes(at)) return "off";
  return tall.includes(at) ? "tall" : classic.includes(at) ? "classic" : "wide";
}

const PLAIN = [
  "Amara Okafor",
  "Jonas Weber",
  "Priya Raman",
  "Mateo Silva",
  "Hannah Lindqvist",
  "Tomasz Zieliński",
  "Leila Haddad",
  "Ben Carter",
  "Chloé Dubois",
  "Nguyễn Minh Anh",
  "Oleksandr Kovalenko",
  "Sofia Rossi",
  "Ibrahim Diallo",
  "Eleni Παπαδοπούλου",
  "Freya Sørensen",
  "Lucas Moreau",
  "Zanele Dlamini",
  "Arjun Mehta",
  "Isabel Ortega",
  "Noah Fischer",
  "Yara Costa",
  "Viktor Novák",
  "Grace Mwangi",
  "Emil Jansen",
  "Rosa Delgado",
] as const;

const LONG = [
  "Dr. Maximiliane Wolkenstein-Hohenzollern von und zu Sigmaringen (External, Guest of the Programme Committee)",
  "Pablo Diego José Francisco de Paula Juan Nepomuceno María de los Remedios Ruiz",
  "Venkatanarasimharajuvaripeta Subramaniam Krishnamurthy",
  "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
  "Anna-Katharina Freifrau von Schlotheim-Bartenstein (she/her, Vice President of Customer Success)",
] as const;

const RTL = [
  "محمد عبد الرحمن القحطاني",
  "נועה בן־דוד",
  "فاطمة الزهراء",
  "یاسمین رضایی",
  "אברהם כהן (Tel Aviv)",
  "خالد Khaled 3",
] as const;

const EMOJI_NAMES = ["🦊 Fox & the 👩🏽‍🚀 Crew 🌻", "🌻", "Mia 🎧", "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "🇧🇷 João"] as const;

/** Names that break what is built for plain ones. */
const HARD = [
  "محمد عبد الرحمن القحطاني",
  "山田 太郎",
  "王小明",
  "김민준",
  "🦊 Fox & the 👩🏽‍🚀 Crew 🌻",
  "Dr. Maximiliane Wolkenstein-Hohenzollern von und zu Sigmaringen (External, Guest of the Programme Committee)",
  "נועה בן־דוד",
  "<b>Bold</b> & \u202eReversed",
  "สมชาย ใจดี",
  "अनन्या शर्मा",
  "Z̸̢̛̭͙̲̿̀̈́̕ą̵̛̝̲͋̎͘l̷̨̛̩̱̈̈́g̵̢̡͎̾͒o̸̱͋͘",
  "\u0000\u0007 ",
  "🌻",
  "x".repeat(10_000),
  "Иван Сергеевич Тургенев",
  "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦",
] as const;

const NAMES: Readonly<Record<SceneNames, readonly string[]>> = {
  plain: PLAIN,
  long: LONG,
  rtl: RTL,
  emoji: EMOJI_NAMES,
  hard: HARD,
};
