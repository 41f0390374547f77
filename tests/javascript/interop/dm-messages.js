// The protobuf messages of /universal-connectivity/dm/1.0.0, written out by hand:
//
//   DirectMessageRequest { Metadata { clientVersion = 1; timestamp = 2 } metadata = 1;
//     string content = 2; string type = 3 }
//   DirectMessageResponse { Metadata metadata = 1; Status status = 2; optional string statusText = 3 }

const LENGTH_DELIMITED = 2;

export function framed(bytes) {
  return Uint8Array.from([...varint(bytes.length), ...bytes]);
}

// The message of a frame that is whole; null while it is not.
export function frameOf(bytes) {
  const end = bytes.findIndex((byte) => byte < 0x80);
  if (end < 0) return null;
  const length = bytes.subarray(0, end + 1).reduceRight((total, byte) => total * 128 + (byte & 0x7f), 0);
  return bytes.length > end + length ? bytes.subarray(end + 1, end + 1 + length) : null;
}

export function encodeRequest({ client, timestamp, text, kind }) {
  return Uint8Array.from([...metadata(client, timestamp), ...textField(2, text), ...textField(3, kind)]);
}

export function encodeResponse({ client, timestamp, status }) {
  return Uint8Array.from([...metadata(client, timestamp), ...numberField(2, status)]);
}

export function decodeRequest(bytes) {
  const fields = decode(bytes);
  const { client, timestamp } = decodeMetadata(fields[1]);
  return { client, timestamp, text: textOf(fields[2]), kind: textOf(fields[3]) };
}

export function decodeResponse(bytes) {
  const fields = decode(bytes);
  return { ...decodeMetadata(fields[1]), status: Number(fields[2] ?? 0n) };
}

function metadata(client, timestamp) {
  const inner = [...textField(1, client), ...numberField(2, timestamp)];
  return [...varint(1 << 3 | LENGTH_DELIMITED), ...varint(inner.length), ...inner];
}

function decodeMetadata(bytes) {
  const fields = decode(bytes ?? new Uint8Array());
  return { client: textOf(fields[1]), timestamp: Number(fields[2] ?? 0n) };
}

function textField(number, text) {
  const bytes = new TextEncoder().encode(text);
  return [...varint(number << 3 | LENGTH_DELIMITED), ...varint(bytes.length), ...bytes];
}

function numberField(number, value) {
  return [...varint(number << 3), ...varint(value)];
}

function varint(value) {
  const bytes = [];
  let left = BigInt(value);
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return [...bytes, Number(left)];
}

// Fields by number: bytes, or a BigInt.
function decode(bytes) {
  const fields = {};
  let place = 0;
  const next = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[place++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  };
  while (place < bytes.length) {
    const tag = Number(next());
    if ((tag & 7) === LENGTH_DELIMITED) {
      const length = Number(next());
      fields[tag >> 3] = bytes.subarray(place, place + length);
      place += length;
    } else fields[tag >> 3] = next();
  }
  return fields;
}

function textOf(bytes) {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}
