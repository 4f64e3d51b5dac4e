//! Which rules a reply breaks.

use pop3_proto::client::ReplyItem;
use pop3_proto::{Keyword, Quirk, Reply, ResponseCode};

use crate::announced::Tag;
use crate::asked::Asked;
use crate::assembler::Line;
use crate::from_client::is_allowed;
use crate::listing::flag_when;
use crate::naming::Named;
use crate::queue::Outstanding;
use crate::rule::Rule;
use crate::{Observer, Sink, Stage, flag};

impl Observer {
    /// The first line of a reply, as such.
    pub(crate) fn judge_status(
        &self,
        line: Line<'_>,
        reply: &Reply<'_>,
        about: Option<Asked>,
        sink: Sink<'_>,
    ) {
        let joined = Reply::parse(line.text).is_none();
        if line.octets > Reply::MAX_OCTETS as u64 {
            flag(sink, about, Rule::StatusLength);
        }
        if joined {
            flag(sink, about, Rule::StatusJoined);
        } else if reply.quirk == Some(Quirk::Spacing) {
            flag(sink, about, Rule::StatusSpacing);
        }
        if !line.text.starts_with(b"+OK") && !line.text.starts_with(b"-ERR") {
            flag(sink, about, Rule::StatusCase);
        }
        if reply.text.is_empty() {
            flag(sink, about, Rule::StatusAlone);
        }
        let eight_bit = !self.language && !reply.text.is_ascii();
        if eight_bit || reply.text.iter().any(u8::is_ascii_control) {
            flag(sink, about, Rule::ReplyOctets);
        }
        self.judge_code(reply, about, sink);
    }

    fn judge_code(&self, reply: &Reply<'_>, about: Option<Asked>, sink: Sink<'_>) {
        let announced = self.announced().has(Tag::RespCodes);
        let Some(code) = reply.code else {
            if announced == Some(true) && reply.text.starts_with(b"[") {
                flag(sink, about, Rule::CodeSyntax);
            }
            return;
        };
        if announced == Some(false) {
            flag(sink, about, Rule::CodeUnannounced);
        }
        let keyword = about.and_then(|asked| asked.keyword);
        // The effect of an unknown command cannot be judged.
        let known = about.is_none() || keyword.is_some();
        let login = keyword.is_some_and(|k| matches!(k, Keyword::Pass | Keyword::Apop | Keyword::Auth));
        let named = login || keyword == Some(Keyword::User);
        let refused = !reply.is_positive();
        let rule = match code {
            ResponseCode::LoginDelay if !(refused && named) => Rule::CodeLoginDelay,
            ResponseCode::InUse if !(refused && login) => Rule::CodeInUse,
            ResponseCode::Auth if !(refused && named) => Rule::CodeAuth,
            ResponseCode::SysTemp | ResponseCode::SysPerm if !refused => Rule::CodeSys,
            ResponseCode::LoginDelay
            | ResponseCode::InUse
            | ResponseCode::Auth
            | ResponseCode::SysTemp
            | ResponseCode::SysPerm
            | ResponseCode::Utf8
            | ResponseCode::Other(_) => return,
            // One that this version does not know.
            _ => return,
        };
        if known {
            flag(sink, about, rule);
        }
    }

    pub(crate) fn judge_positive(
        &mut self,
        command: &Outstanding,
        reply: &Reply<'_>,
        entry: Option<ReplyItem<'_>>,
        sink: Sink<'_>,
    ) {
        let about = command.asked;
        if let Some(auth) = command.auth {
            self.judge_auth(about, auth, reply, sink);
        }
        // A bad initial response counts with the exchange only if nothing was said in it.
        if let Some(rule) = command.wrong
            && self.exchange.is_none()
        {
            flag(sink, Some(about), rule);
        }
        let Some(keyword) = about.keyword else { return };
        if self.stage == Stage::Closed {
            return;
        }
        let transaction = self.stage == Stage::Transaction;
        if !is_allowed(keyword, transaction) {
            let stls = keyword == Keyword::Stls;
            flag(sink, Some(about), if stls { Rule::PositiveStls } else { Rule::PositiveState });
            return;
        }
        self.judge_unlisted(keyword, about, sink);
        flag_when(keyword == Keyword::Stls && self.tls, about, Rule::PositiveStlsTwice, sink);
        flag_when(keyword == Keyword::Pass && self.named == Named::No, about, Rule::PositivePass, sink);
        if let Some(message) = command.message {
            let marked = self.known.is_marked(message);
            let rule = if keyword == Keyword::Dele { Rule::PositiveDele } else { Rule::PositiveDeleted };
            flag_when(marked, about, rule, sink);
            flag_when(!marked && self.known.is_missing(message), about, Rule::PositiveMissing, sink);
        }
        if command.wrong.is_none() {
            self.judge_entry(about, command.message, reply.text, entry, sink);
        }
    }

    fn judge_unlisted(&self, keyword: Keyword, about: Asked, sink: Sink<'_>) {
        let (tag, rule) = match keyword {
            Keyword::Top => (Tag::Top, Rule::TopUnlisted),
            Keyword::Uidl => (Tag::Uidl, Rule::UidlUnlisted),
            Keyword::Pass => (Tag::User, Rule::UserUnlisted),
            Keyword::Stls => (Tag::Stls, Rule::StlsUnlisted),
            Keyword::Utf8 => (Tag::Utf8, Rule::Utf8Unlisted),
            Keyword::Lang => (Tag::Lang, Rule::Utf8Unlisted),
            Keyword::User
            | Keyword::Apop
            | Keyword::Auth
            | Keyword::AuthList
            | Keyword::Stat
            | Keyword::List
            | Keyword::Retr
            | Keyword::Dele
            | Keyword::Noop
            | Keyword::Rset
            | Keyword::Last
            | Keyword::Capa
            | Keyword::Xclient
            | Keyword::Quit
            | Keyword::Extension => return,
            // One that this version does not know.
            _ => return,
        };
        flag_when(self.announced().has(tag) == Some(false), about, rule, sink);
    }

    pub(crate) fn judge_negative(&self, command: &Outstanding, reply: &Reply<'_>, sink: Sink<'_>) {
        let about = command.asked;
        let system = reply.code.is_some_and(|code| match code {
            ResponseCode::SysTemp | ResponseCode::SysPerm => true,
            ResponseCode::Other(code) => code.get(..3).is_some_and(|sys| sys.eq_ignore_ascii_case(b"SYS")),
            ResponseCode::LoginDelay | ResponseCode::InUse | ResponseCode::Auth | ResponseCode::Utf8 => false,
            // One that this version does not know.
            _ => false,
        });
        let Some(keyword) = about.keyword.filter(|_| command.good && !system) else { return };
        if self.stage == Stage::Closed {
            return;
        }
        let transaction = self.stage == Stage::Transaction;
        // Of these each one must be answered positively where it may be given.
        let firm = [
            (Keyword::Stat, transaction, Rule::StatRefused),
            (Keyword::Noop, transaction, Rule::NoopRefused),
            (Keyword::Rset, transaction, Rule::RsetRefused),
            (Keyword::Quit, !transaction, Rule::QuitRefused),
            (Keyword::Capa, self.capa_answered, Rule::CapaRefused),
        ];
        match firm.into_iter().find(|&(firm, here, _)| firm == keyword && here) {
            Some((_, _, rule)) => flag(sink, Some(about), rule),
            None => self.judge_refusal(command, reply, keyword, sink),
        }
    }

    /// A login that is refused, when a code has to say why.
    fn judge_refusal(&self, command: &Outstanding, reply: &Reply<'_>, keyword: Keyword, sink: Sink<'_>) {
        let credentials = match (keyword, command.auth) {
            (Keyword::Pass, _) => self.named == Named::Yes,
            (Keyword::Apop, _) => self.timestamp,
            (_, Some(auth)) => self.was_answered(auth) && auth.listed == Some(true),
            _ => false,
        };
        let coded = self.announced().has(Tag::AuthRespCode) == Some(true);
        let missing = credentials && coded && reply.code.is_none() && self.stage == Stage::Authorization;
        flag_when(missing, command.asked, Rule::CodeMissing, sink);
    }
}
