"""Java's JSSE: a trust store that holds the anchors only; ``Judge.java`` beside this file."""

import re
from functools import cache
from pathlib import Path

from tests.stacks.base import Credential, Outcome, RelyingParty, StackFailure, check_files
from tests.stacks.peers import ask, client_judgement, neutral_server, server_judgement
from tests.stacks.process import binary, missing, run, serving, session_folder, tail

SOURCE = Path(__file__).with_name("Judge.java")
PACKAGE = "default-jdk-headless"
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
REFUSAL = re.compile(r"^refused: .*(CertPath|CertificateException|PKIX)")


@cache
def classes() -> Path:
    """The compiled classes: once per session."""
    folder = session_folder() / "java"
    done = run([binary("javac"), "-d", str(folder), str(SOURCE)], folder)
    if done.code != 0:
        raise StackFailure(f"javac: {tail(done.words)}")
    return folder


def arguments(mode: str, port: int, party: RelyingParty, *more: str) -> list[str]:
    """The command line of ``Judge``."""
    files = (party.credential.key, party.credential.chain, party.trust, party.crl or "")
    java = [binary("java"), *QUICK_START, "-cp", str(classes()), "Judge"]
    return [*java, mode, str(port), *map(str, files), *more]


class JavaServer:
    """``SSLServerSocket`` with ``setNeedClientAuth``."""

    name = "Java server"
    checks_crl = True

    def missing(self) -> str | None:
        return missing(PACKAGE, "java", "javac")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        with serving(lambda port: arguments("server", port, party), folder) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class JavaClient:
    """``SSLSocket`` with the endpoint identification algorithm ``HTTPS``."""

    name = "Java client"
    checks_crl = True

    def missing(self) -> str | None:
        return missing(PACKAGE, "java", "javac")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        with neutral_server(server) as peer:
            done = run(arguments("client", peer.port, party, name), folder)
            return client_judgement(done, peer, REFUSAL)
