//! The properties of `pop3_tests::sasl_properties`, on octets that often have a meaning. The fuzz target runs the same
//! checks for longer.

use pop3_tests::sasl_properties::sasl;
use proptest::collection::vec;
use proptest::prelude::*;

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "n,,",
        "y,,",
        "p=tls-exporter,,",
        "a=user,",
        "n=user,",
        "r=abc",
        "r=abcabc",
        ",s=AAAA",
        ",i=2",
        ",m=x",
        ",x=y",
        "c=biws,",
        ",p=",
        "AAAA",
        "v=",
        "e=other-error",
        "=2C",
        "=3D",
        "user",
        "pencil",
        "\0",
        "\x01",
        "user=user",
        "auth=Bearer tok",
        "host=mail.example",
        "port=995",
        "\n",
        "\n",
        "\n",
        "\u{ad}",
        "\u{a0}",
        "\u{627}",
        " 0123456789abcdef0123456789abcdef",
        "SCRAM-SHA-1$4096:AAAA$",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ":",
    ]);
    let token = prop_oneof![5 => word.prop_map(|word| word.as_bytes().to_vec()), 1 => vec(any::<u8>(), 1..3)];
    vec(token, 0..14).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn any_octets(header in vec(any::<u8>(), 2), messages in messages()) {
        sasl(&[header, messages].concat());
    }
}
