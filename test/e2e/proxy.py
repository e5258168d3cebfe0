"""What may stand between a session and the Bank: a proxy, honest or not, and a gate that a test opens."""
import contextlib
import select
import socket
import threading

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """Takes connections, reads a request's head, and leaves the rest to a function of the socket and the head."""

    def __init__(self, behave):
        self.heads = []
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed: the test is over
            threading.Thread(target=self.handle, args=(client,), daemon=True).start()

    def handle(self, client):
        with contextlib.suppress(OSError), client:  # of ssl, too
            head = b""
            while b"\r\n\r\n" not in head:
                more = client.recv(4096)
                if not more:
                    return
                head += more
            self.heads.append(head)
            self.behave(client, head)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def tunnel(client, head):
    """What an honest proxy does."""
    host, _, port = head.split()[1].decode().rpartition(":")
    with socket.create_connection((host, int(port))) as server:
        client.sendall(ESTABLISHED)
        pass_on(client, server)


def pass_on(client, server):
    ends = {client: server, server: client}
    while True:
        for ready in select.select(list(ends), [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            ends[ready].sendall(data)


def behind_a_gate(url, gate, held=b""):
    """Lets requests through to the URL's server; those that hold some words, once the gate, an event, is set."""
    host, port = url.partition("//")[2].split(":")

    def behave(client, head):
        if held in head:
            gate.wait()
        with socket.create_connection((host, int(port))) as server:
            server.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            pass_on(client, server)
    return behave
