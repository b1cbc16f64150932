"""An SMTP client that logs on with pyspnego, one case after the other.

Reads a JSON list of cases, each an object of these settings, and writes a list of what came:

    port        of the server, on 127.0.0.1
    tls         "STARTTLS", "X-ANONYMOUSTLS", or nothing
    command     "AUTH" or "X-EXPS"
    mechanism   "ntlm" is the mechanism NTLM. The others are GSSAPI: "bare-ntlm", "bare-kerberos",
                and "spnego", which is Kerberos inside where there is a realm, and else NTLM
    user, password
    initial     the first token goes on the command line
    bindings    "end-point", "exporter", "wrong", or nothing
    level       LmCompatibilityLevel: 0 is NTLMv1, 1 an NTLM2 session response, 3 NTLMv2
    tamper      a function below
    sender      of the message that is delivered at the end

A result is {"replies": what the server said since the command, "closed": whether it hung up,
"delivered": what it said to a message}, or {"client": why the client gave up by itself}.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys

import krb5
import spnego
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from spnego import ContextReq, NegotiateOptions
from spnego.channel_bindings import GssChannelBindings

HOST = "ex01.contoso.test"
TIMEOUT = 20

# Mechanism, and what pyspnego is asked for.
MECHANISMS = {
    "ntlm": ("NTLM", "ntlm", NegotiateOptions.use_ntlm),
    "bare-ntlm": ("GSSAPI", "ntlm", NegotiateOptions.use_ntlm),
    "bare-kerberos": ("GSSAPI", "kerberos", NegotiateOptions.use_gssapi),
    "spnego": ("GSSAPI", "negotiate", NegotiateOptions.use_negotiate),
}

# RFC 4752 §3.1: no security layer, no size, no other identity.
NO_LAYER = bytes([1, 0, 0, 0])


class Connection:
    """Lines over a socket, in clear or in TLS. Python's own ssl has no exporter."""

    def __init__(self, port):
        self.stream = self.socket = socket.create_connection(("127.0.0.1", port))
        # TLS wants a blocking socket, which a timeout of Python's is not.
        timeout = struct.pack("ll", TIMEOUT, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        self.pending = b""
        self.expect("220")

    def send(self, line):
        self.stream.sendall(line.encode() + b"\r\n")

    def line(self):
        """One line; "" if the server has hung up."""
        while b"\n" not in self.pending:
            try:
                more = self.stream.recv(65536)
            except (SSL.ZeroReturnError, SSL.SysCallError, ConnectionError):
                more = b""
            if not more:
                return ""
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode().rstrip("\r")

    def reply(self):
        while (line := self.line())[3:4] == "-":
            pass
        return line

    def command(self, line):
        self.send(line)
        return self.reply()

    def expect(self, code, line=None):
        reply = self.reply() if line is None else self.command(line)
        assert reply.startswith(code), f"{line}: {reply}"
        return reply

    def start_tls(self, command):
        self.expect("220", command)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.stream = SSL.Connection(context, self.socket)
        self.stream.set_connect_state()
        self.stream.do_handshake()

    def bindings(self, kind):
        """Application data of a type: RFC 5929 §4, RFC 9266."""
        if kind == "wrong":
            return b"tls-server-end-point:" + bytes(32)
        if kind == "exporter":
            key = self.stream.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
            return b"tls-exporter:" + key
        assert kind == "end-point", kind
        certificate = self.stream.get_peer_certificate(as_cryptography=True)
        algorithm = certificate.signature_hash_algorithm or hashes.SHA256()
        der = certificate.public_bytes(Encoding.DER)
        return b"tls-server-end-point:" + hashlib.new(algorithm.name, der).digest()

    def close(self):
        self.socket.close()


def initiator(case, bindings):
    _, protocol, options = MECHANISMS[case["mechanism"]]
    os.environ["LM_COMPAT_LEVEL"] = str(case.get("level", 3))
    # The layer of RFC 4752 needs integrity, which pyspnego does not ask NTLM for by itself.
    return spnego.client(
        case["user"],
        case["password"],
        hostname=HOST,
        service="SMTPSVC",
        channel_bindings=bindings and GssChannelBindings(application_data=bindings),
        context_req=ContextReq.default | ContextReq.integrity,
        protocol=protocol,
        options=options,
    )


class Tokens:
    """The client's half, token by token, with the layer of RFC 4752 at the end of AUTH GSSAPI."""

    def __init__(self, case, bindings):
        self.context = initiator(case, bindings)
        self.mechanism = MECHANISMS[case["mechanism"]][0]
        self.layer = case["command"] == "AUTH" and self.mechanism == "GSSAPI"
        self.tamper = globals()[case.get("tamper") or "untouched"]
        self.number = 0

    def next(self, challenge):
        if self.context.complete:
            assert self.layer, "the server asks for one token more"
            self.layer = False
            offer = self.context.unwrap(challenge).data
            assert len(offer) == 4 and offer[0] & 1, offer
            return self.context.wrap(NO_LAYER, encrypt=False).data
        self.number += 1
        return self.tamper(self.number, self.context.step(challenge) or b"")


def log_on(connection, case, tokens):
    """Gives the server's replies, its tokens as they are."""
    line = f"{case['command']} {tokens.mechanism}"
    if case.get("initial"):
        line += " " + base64.b64encode(tokens.next(None)).decode()
    replies = [connection.command(line)]
    challenge = None if not case.get("initial") else b""
    while replies[-1].startswith("334"):
        if challenge is not None:
            challenge = base64.b64decode(replies[-1][4:], validate=True)
        response = tokens.next(challenge)
        challenge = b""
        replies.append(connection.command(base64.b64encode(response).decode()))
    return replies


def deliver(connection, sender):
    connection.expect("250", f"MAIL FROM:<{sender}>")
    connection.expect("250", "RCPT TO:<bob@fabrikam.test>")
    connection.expect("354", "DATA")
    return connection.command("Subject: by pyspnego\r\n\r\nText.\r\n.")


def run(case):
    connection = Connection(case["port"])
    try:
        connection.expect("250", "EHLO client.test")
        if case.get("tls"):
            connection.start_tls(case["tls"])
            connection.expect("250", "EHLO client.test")
        kind = case.get("bindings")
        try:
            tokens = Tokens(case, kind and connection.bindings(kind))
            replies = log_on(connection, case, tokens)
        except (spnego.exceptions.SpnegoError, krb5.Krb5Error) as error:
            return {"client": str(error)}
        result = {"replies": replies}
        if replies[-1].startswith("235"):
            result["delivered"] = deliver(connection, case.get("sender", "alice@contoso.test"))
        result["closed"] = connection.command("NOOP") == ""
        return result
    finally:
        connection.close()


# Ways to change a token; the third message of NTLM is the second of the client's.


def untouched(_, token):
    return token


def field(message, offset):
    """Where the payload of a field is ([MS-NLMP] 2.2.1.3)."""
    length, _, start = struct.unpack_from("<HHI", message, offset)
    return start, start + length


NT_RESPONSE = 20
MIC = slice(72, 88)
AV_FLAGS = struct.pack("<HHI", 6, 4, 2)


def random_proof(number, token):
    """No password was needed for this, and the MIC's key follows from it."""
    if number != 2:
        return token
    message = bytearray(token)
    start, _ = field(message, NT_RESPONSE)
    message[start : start + 16] = os.urandom(16)
    return bytes(message)


def random_proof_without_mic(number, token):
    if number != 2:
        return token
    message = bytearray(random_proof(number, token))
    message[MIC] = bytes(16)
    assert message.count(AV_FLAGS) == 1
    return bytes(message.replace(AV_FLAGS, struct.pack("<HHI", 6, 4, 0)))


def other_mic(number, token):
    if number != 2:
        return token
    message = bytearray(token)
    assert any(message[MIC])
    message[72] ^= 1
    return bytes(message)


def empty_mic(number, token):
    if number != 2:
        return token
    message = bytearray(token)
    message[MIC] = bytes(16)
    return bytes(message)


def other_first_message(number, token):
    """Somebody between takes out the flag REQUEST_TARGET."""
    if number != 1:
        return token
    message = bytearray(token)
    assert message[12] & 4
    message[12] ^= 4
    return bytes(message)


def no_ntlm2_flag(number, token):
    if number != 1:
        return token
    message = bytearray(token)
    assert message[14] & 8
    message[14] ^= 8
    return bytes(message)


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
