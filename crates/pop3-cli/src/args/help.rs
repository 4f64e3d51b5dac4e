//! What `--help` shows beside the options themselves: their groups, and examples.

use clap::{Arg, Command};

/// The groups of options, and the options in them. All others are under `Options`.
const GROUPS: &[(&str, &[&str])] = &[
    ("Listeners", &["listen", "listen_tls", "hostname", "proxy_from", "xclient_from"]),
    (
        "TLS",
        &[
            "tls",
            "ca_file",
            "tls_fingerprint",
            "client_cert",
            "client_key",
            "tls_cert",
            "tls_key",
            "tls_self_signed",
            "tls_client_ca",
        ],
    ),
    (
        "Login",
        &[
            "password_file",
            "password_command",
            "token_command",
            "auth",
            "require_binding",
            "raw_password",
            "initial_response",
            "auth_mechanisms",
            "channel_binding",
            "decoy_key",
            "token_timeout",
            "allow_insecure_auth",
            "apop",
            "login_delay",
        ],
    ),
    (
        "Protocol",
        &["utf8", "strict", "no_capa", "no_pipelining", "expire", "expire_enforce", "implementation"],
    ),
    (
        "Limits",
        &[
            "timeout",
            "min_rate",
            "idle_timeout",
            "login_timeout",
            "max_connections",
            "max_connections_per_user",
            "max_connections_per_ip",
        ],
    ),
    ("Which messages", &["delete", "max_size", "limit", "all", "state", "forget_after", "recognise_by"]),
    ("Output", &["json", "quiet", "verbose", "level", "format"]),
];

/// What is shown below the options of a command, above its exit codes.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "serve",
        "  pop3 serve --maildrops mail --users users --tls-self-signed
  pop3 serve --maildrops /var/lib/pop3 --users /etc/pop3/users --tls-cert cert.pem --tls-key key.pem
    --listen 0.0.0.0:110 --listen '[::]:110' --listen-tls 0.0.0.0:995 --listen-tls '[::]:995'",
    ),
    (
        "deliver",
        "  pop3 deliver --store maildir:/var/lib/pop3 alice < message
  pop3 deliver --store maildir:/var/lib/pop3 --return-path bob@example.org --delivered-to alice@example.org alice",
    ),
    (
        "fetch",
        "  pop3 fetch pop3s://alice@mail.example.org --to maildir:inbox
  pop3 fetch pop3s://alice@mail.example.org --to mbox:inbox --delete --max-size 10M
  pop3 fetch pop3s://alice@mail.example.org --to dir:mail --password-file secret --quiet --json",
    ),
    (
        "check",
        "  pop3 check pop3s://mail.example.org
  pop3 check pop3s://alice@mail.example.org --verbose",
    ),
    #[cfg(feature = "tokio")]
    ("bench", "  pop3 bench 'pop3://user{}@127.0.0.1:1110' --users 10 --script retr --duration 30"),
    (
        "conformance",
        "  pop3 conformance pop3s://alice@mail.example.org --only TLS,1939-5.28
  pop3 conformance --client --listen 127.0.0.1:1110
  pop3 conformance --list",
    ),
    #[cfg(feature = "tokio")]
    (
        "lmtp",
        "  pop3 lmtp --listen unix:/var/spool/postfix/private/pop3 --store maildir:/var/lib/pop3 --strip-domain
  pop3 lmtp --listen 127.0.0.1:24 --store sqlite:/var/lib/pop3/mail.db",
    ),
    ("lint", "  pop3 lint session.txt\n  tcpdump -w - port 110 | pop3 lint - --quiet"),
    ("passwd", "  pop3 passwd alice >> users\n  pop3 passwd alice --form argon2id < password"),
    ("generate", "  pop3 generate /usr/local/share"),
];

/// Puts the options into their groups, and the examples below them.
pub(super) fn arrange(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let command = command.mut_args(group);
        let Some((_, lines)) = EXAMPLES.iter().find(|(name, _)| *name == command.get_name()) else {
            return command;
        };
        let below = command.get_after_help().map(|text| format!("\n\n{text}")).unwrap_or_default();
        command.after_help(format!("Examples:\n{lines}{below}"))
    })
}

fn group(option: Arg) -> Arg {
    let id = option.get_id().as_str();
    let found = GROUPS.iter().find(|(_, options)| options.contains(&id));
    match found {
        Some((name, _)) if !option.is_positional() => option.help_heading(*name),
        Some(_) | None => option,
    }
}

#[cfg(test)]
mod tests {
    use crate::args::{definition, read};

    use super::*;

    #[test]
    fn what_is_grouped_or_shown_exists() {
        let command = definition();
        let all: Vec<_> = command.get_subcommands().flat_map(Command::get_arguments).collect();
        for id in GROUPS.iter().flat_map(|(_, options)| *options) {
            assert!(all.iter().any(|option| option.get_id() == *id), "there is no option {id}");
        }
        for (name, _) in EXAMPLES {
            assert!(command.find_subcommand(name).is_some(), "there is no command {name}");
        }
    }

    #[test]
    fn the_examples_are_command_lines() {
        for (name, lines) in EXAMPLES {
            // What follows in the next line belongs to the same command.
            let joined = lines.replace("\n    ", " ");
            for line in joined.lines().map(|line| line.split(" | ").last().unwrap_or_default()) {
                let line = line.split(['>', '<']).next().unwrap_or_default();
                let words: Vec<_> =
                    line.split_whitespace().map(|word| word.trim_matches('\'').into()).collect();
                assert_eq!(words[1], *name, "{line}");
                assert!(read(words).is_ok(), "{line}");
            }
        }
    }

    /// The options of `serve` are in docs/configuration.md, which is compared with them elsewhere.
    #[test]
    fn every_option_is_in_the_documentation() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let pages = std::fs::read_dir(docs).unwrap().map(|entry| entry.unwrap().path());
        let pages = pages.filter(|page| page.extension().is_some_and(|kind| kind == "md"));
        let text: String = pages.map(|page| std::fs::read_to_string(page).unwrap()).collect();
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
        let words: std::collections::BTreeSet<_> = text.split(|character| !is_part(character)).collect();
        let mut missing = Vec::new();
        let mut commands: Vec<_> = definition().get_subcommands().cloned().collect();
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            for option in command.get_arguments().filter(|_| command.get_name() != "serve") {
                let known = option.get_long().is_none_or(|long| words.contains(format!("--{long}").as_str()));
                if !known || option.get_help().is_none() {
                    missing.push(format!("{} {}", command.get_name(), option.get_id()));
                }
            }
        }
        assert_eq!(missing, [""; 0], "not in docs/*.md, or without a help text");
    }
}
