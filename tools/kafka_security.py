"""A listener with TLS and users for a broker of tools/kafka_cluster.py: an authority of its own, a
certificate for the address 127.0.0.1 and no name, users by SCRAM-SHA-512 and by PLAIN."""

import subprocess

LISTENER = """listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location={keystore}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{plain}="{password}";
"""
DAYS = "2"


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder, stem):
    """(key, certificate) of an authority."""
    key, certificate = folder / f"{stem}.key", folder / f"{stem}.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", DAYS, "-subj", f"/CN={stem}", "-keyout", key, "-out", certificate)
    return key, certificate


class Security:
    """What one broker needs for its second listener. `scram` and `plain` are users with the same
    password."""

    scram, plain, password = "relay", "reader", "pa55word-of-the-test"

    def __init__(self, port):
        self.port, self.ca = port, None

    def url(self, host="127.0.0.1"):
        return f"kafka://{host}:{self.port}"

    def properties(self, folder, port, controller):
        """Writes key and certificate into the folder; the lines of the broker's properties."""
        ca_key, self.ca = authority(folder, "authority")
        key, certificate = folder / "broker.key", folder / "broker.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", DAYS, "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1",
                "-addext", "basicConstraints=critical,CA:FALSE", "-CA", self.ca, "-CAkey", ca_key,
                "-keyout", key, "-out", certificate)
        keystore = folder / "keystore.pem"
        keystore.write_text(key.read_text() + certificate.read_text() + self.ca.read_text())
        return LISTENER.format(port=port, secured=self.port, controller=controller,
                               keystore=keystore, plain=self.plain, password=self.password)

    def format_words(self):
        return ("--add-scram", f"SCRAM-SHA-512=[name={self.scram},password={self.password}]")
