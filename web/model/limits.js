/** Every time and size the page works with, in one place. */

/** The first pause before the gateway is tried again; doubles up to the longest. */
export const RECONNECT_FIRST_MS = 250;
export const RECONNECT_LONGEST_MS = 8_000;
/** The pause before a gateway that refuses this page is tried again. */
export const REFUSED_RECONNECT_MS = 60_000;
/** So often the gateway answers over HTTP, and no WebSocket opens, before that is said. */
export const FAILURES_BEFORE_BLOCKED = 6;
/** A connection that stood this long starts the pauses from the first again. */
export const CONNECTION_STABLE_MS = 5_000;
/** An attempt to reach the gateway that takes longer is given up. */
export const CONNECT_DEADLINE_MS = 15_000;
/** A request without an answer for so long has failed; a dial may take 15 s. */
export const REQUEST_DEADLINE_MS = 25_000;
/** A connection that was silent so long is asked for a sign of life, */
export const SILENCE_MS = 15_000;
/** and is given up without one in so long. */
export const SIGN_OF_LIFE_MS = 10_000;
/** The largest frame that a gateway accepts. */
export const MAX_FRAME_BYTES = 65_536;
/** The pause before what was refused is tried again, where the refusal names none. */
export const REFUSED_PAUSE_MS = 1_000;
/** How often it is looked whether another tab has left something unsent. */
export const LOOK_FOR_UNSENT_MS = 15_000;
/** Publishes on their way at once. */
export const MAX_IN_FLIGHT = 256;

/** The first time and then how often the peers' round trips are asked for. */
export const FIRST_ROUND_TRIPS_MS = 3_000;
export const ROUND_TRIPS_MS = 15_000;

/** The node is told so long after something was read, so that much at once is one word. */
export const READ_PAUSE_MS = 400;
/** A finger that rests so long on a message asks what can be done with it. */
export const LONG_PRESS_MS = 500;
/** Pictures of people that are in memory at once. */
export const MAX_PICTURES = 200;
/** From this round trip on a connection is called slow. */
export const SLOW_ROUND_TRIP_MS = 300;
/** How long a word about what was done, and a way to undo it, is there. */
export const TOAST_MS = 10_000;
/** How long "Copied" is to be read. */
export const COPIED_NOTE_MS = 2_500;
/** The gateway may be unreachable this long before the first banner reports it. */
export const UNREACHABLE_NOTICE_AFTER_MS = 600;

/** Messages of one author within this time stand under one name. */
export const GROUP_WITHIN_MS = 5 * 60_000;
/**
 * A message that came so long after it was sent may be a late one. More than
 * GossipSub takes to repair a loss, less than it takes to read on.
 */
export const LATE_AFTER_MS = 5_000;
/** A message may seem sent so long after its receipt: clocks of machines differ a little. */
export const CLOCK_SKEW_MS = 1_000;
/**
 * How long after it was sent a live message may come to stand by its send time: a node
 * that was alone sends what it holds to the peers that come, and all pages agree on it.
 */
export const LIVE_WINDOW_MS = 10 * 60_000;
/** How far back synchronisation reaches: as long as nodes retain messages by default. */
export const SYNC_WINDOW_MS = 30 * 86_400_000;
/** Late messages that follow one another and came within this time share a mark. */
export const LATE_TOGETHER_MS = 60_000;
/** Messages that are in the document at once. */
export const MAX_RENDERED = 1_000;
/** By how many messages the part that is in the document moves. */
export const WINDOW_STEP = 200;
/** Messages of one room retained in memory, and down to how many it is cut. */
export const MAX_KEPT = 4_000;
export const KEPT_AFTER_CUT = 3_000;
/** The same while older ones are being read. */
export const MAX_KEPT_WHILE_READ = 20_000;
/** Messages asked for at once. */
export const HISTORY_PAGE = 100;
/** Characters and lines of a message shown before it is folded. */
export const FOLD_CHARACTERS = 1_000;
export const FOLD_LINES = 16;

/** Nearer to the end than this counts as being at the end. */
export const AT_END_PX = 60;
/** So much of what was read before is shown above the first unread message. */
export const LINE_MARGIN_PX = 64;
/** Nearer to the beginning or the end than this, more is brought. */
export const NEAR_EDGE_PX = 600;

/** What a node accepts in one message, until it has reported its own limit. */
export const DEFAULT_MAX_MESSAGE_BYTES = 32_768;
/** The room that is always there. */
export const DEFAULT_ROOM = "chat-room";
