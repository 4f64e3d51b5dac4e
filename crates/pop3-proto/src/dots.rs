//! Dot-stuffing (RFC 1939 section 3): message bodies on their way from the store to the wire and
//! back.
//!
//! Two forms of a message occur here:
//!
//! * the *stored form*: what a server has on disk. A line ends at LF, with or without a CR before
//!   it; the last line may lack its end.
//! * the *wire form*: every line ends with CRLF, a line that begins with a dot has one more dot in
//!   front, and a line that is only a dot ends the whole.
//!
//! [`Stuffer`] makes the wire form out of the stored form, [`Unstuffer`] gives back the content of
//! the wire form, [`WireSize`] counts what a scan listing must say, and [`TopCutter`] cuts the
//! stored form for TOP.
//!
//! All four take a message in any pieces, give the same result however it is cut, keep a state of
//! fixed size, and never copy octet by octet. None of them has an opinion about what is in a message:
//! there is no limit on the length or the number of lines, and NUL, 8-bit octets and a bare CR pass
//! as they are (a bare CR does not end a line).
//!
//! ```
//! use bytes::BytesMut;
//! use pop3_proto::dots::{Stuffer, Unstuffer, wire_size};
//!
//! let stored = b"Subject: dots\n\n.one\n";
//! let mut wire = BytesMut::new();
//! let mut stuffer = Stuffer::new();
//! stuffer.encode(stored, &mut wire);
//! assert_eq!(stuffer.total(), wire_size(stored));
//! stuffer.finish(&mut wire);
//! assert_eq!(&wire[..], b"Subject: dots\r\n\r\n..one\r\n.\r\n");
//!
//! let mut content = BytesMut::new();
//! let (consumed, ended) = Unstuffer::new().decode_into(&wire, &mut content);
//! assert_eq!((consumed, ended), (wire.len(), true));
//! assert_eq!(&content[..], b"Subject: dots\r\n\r\n.one\r\n");
//! ```

mod bare;
mod decode;
mod encode;
mod size;
mod top;

pub use decode::{Decoded, Unstuffer};
pub use encode::{Slices, Stuffer};
pub use size::{WireSize, wire_size};
pub use top::TopCutter;

const CR: u8 = b'\r';
const LF: u8 = b'\n';
const DOT: u8 = b'.';
