"""What all configurations of Dovecot 2.3 in the tests have in common."""

from __future__ import annotations

from net import HOST

# Refused logins of one test do not delay another one.
NO_PENALTIES = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""


def settings(run: str, log: str, certificates: str, plain: int, tls: int, more: str, login: str = "") -> str:
    """A configuration that serves POP3 on these ports, with passwords also in clear text.

    `run` is the directory for what belongs to the processes, and `certificates` has `cert.pem` and `key.pem`. `more` has
    the users, where their mail is, and the other settings; `login` has those of the processes that log in.
    """
    return f"""\
base_dir = {run}
state_dir = {run}
log_path = {log}
protocols = pop3
listen = {HOST}
ssl = yes
ssl_cert = <{certificates}/cert.pem
ssl_key = <{certificates}/key.pem
disable_plaintext_auth = no
{more}
service pop3-login {{
{login}
  inet_listener pop3 {{
    port = {plain}
  }}
  inet_listener pop3s {{
    port = {tls}
    ssl = yes
  }}
}}
"""
