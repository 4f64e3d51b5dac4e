//! Dot-stuffing (RFC 1939 section 3): converts message bodies between the form in a store and the form on the wire.
//!
//! A message has two forms:
//!
//! - The *stored form* is what a server keeps on disk. A line ends in LF, with or without a CR before it. The last
//!   line may have no line end.
//! - The *wire form* is what is sent. Every line ends in CRLF. A line that begins with a dot gets another dot in
//!   front. A line with only a dot ends the message.
//!
//! [`Stuffer`] converts the stored form to the wire form, and [`Unstuffer`] returns the content of the wire form.
//! [`WireSize`] counts the octets for a scan listing. [`TopCutter`] cuts the stored form for TOP.
//!
//! All four take a message in pieces of any size, and the result does not depend on the pieces. Their state has a
//! fixed size, and they never copy octet by octet. They do not restrict the content: lines may have any length and
//! number, and NUL, 8-bit octets and a bare CR are passed on unchanged. A bare CR does not end a line.
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
pub use encode::Stuffer;
pub use size::{WireSize, wire_size};
pub use top::TopCutter;

const CR: u8 = b'\r';
const LF: u8 = b'\n';
const DOT: u8 = b'.';
