"""A certificate authority for the tests, and spans of time for what it issues."""
import subprocess

CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
AUTHORITY = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
             "-subj", "/CN=Authority of a test"]
LONG = ("20200101000000Z", "20490101000000Z")
OVER = ("20200101000000Z", "20210101000000Z")
NOT_YET = ("20480101000000Z", "20490101000000Z")


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, openssl, directory):
        self.openssl = openssl
        self.directory = directory
        (directory / "ca.cnf").write_text(CONFIGURATION)
        (directory / "index.txt").touch()
        (directory / "serial").write_text("1000\n")
        self.run(*AUTHORITY)
        self.certificate = directory / "ca.pem"

    def run(self, *arguments):
        subprocess.run([self.openssl, *arguments], cwd=self.directory, check=True, capture_output=True)

    def issue(self, name, subject, dates):
        """A server's key and certificate for the subject (an alternative name in openssl's words) and the dates."""
        self.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                 "-subj", f"/CN={name}")
        (self.directory / f"{name}.ext").write_text(f"subjectAltName = {subject}\n")
        self.run("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
                 "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext",
                 "-startdate", dates[0], "-enddate", dates[1])
        return {"tls_cert": self.directory / f"{name}.pem", "tls_key": self.directory / f"{name}.key"}
