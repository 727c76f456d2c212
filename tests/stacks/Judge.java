import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A JSSE server or client that says how it judged its peer. Arguments:
 * {@code server PORT KEY CHAIN TRUST CRL} or {@code client PORT KEY CHAIN TRUST CRL NAME};
 * an empty CRL means none.
 */
public final class Judge {
    private static final char[] NO_PASSWORD = {};
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[1]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                identity(Path.of(args[2]), Path.of(args[3])).getKeyManagers(),
                trust(Path.of(args[4]), args[5]).getTrustManagers(),
                null);
        if (args[0].equals("server")) {
            serve(context, port);
        } else {
            connect(context, port, args[6]);
        }
    }

    private static void serve(SSLContext context, int port) throws IOException {
        var listener = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(port, 50, LOOPBACK);
        listener.setNeedClientAuth(true);
        while (true) {
            try (var socket = (SSLSocket) listener.accept()) {
                socket.startHandshake();
                reader(socket).readLine();
                socket.getOutputStream().write("HTTP/1.0 200 OK\r\n\r\naccepted".getBytes());
            } catch (IOException refusal) {
                System.out.println("refused: " + words(refusal));
            }
        }
    }

    private static void connect(SSLContext context, int port, String name) throws IOException {
        Socket plain = new Socket(LOOPBACK, port);
        try (var socket = (SSLSocket)
                context.getSocketFactory().createSocket(plain, name, port, true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
            reader(socket).lines().forEach(System.out::println);
        } catch (IOException refusal) {
            System.err.println("refused: " + words(refusal));
            System.exit(1);
        }
    }

    private static BufferedReader reader(SSLSocket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream()));
    }

    /** The message and those of its causes, on one line. */
    private static String words(Throwable error) {
        var said = new StringBuilder(error.toString());
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            said.append(" <- ").append(cause);
        }
        return said.toString().replace('\n', ' ');
    }

    private static KeyManagerFactory identity(Path key, Path chain) throws Exception {
        KeyStore store = emptyStore();
        try (InputStream pem = Files.newInputStream(chain)) {
            Certificate[] certificates = CertificateFactory.getInstance("X.509")
                    .generateCertificates(pem).toArray(Certificate[]::new);
            store.setKeyEntry("identity", privateKey(key), NO_PASSWORD, certificates);
        }
        var factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, NO_PASSWORD);
        return factory;
    }

    private static PrivateKey privateKey(Path path) throws Exception {
        String body = Files.readString(path).replaceAll("-----[A-Z ]+-----|\\s", "");
        byte[] der = Base64.getDecoder().decode(body);
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    /** Only the given anchors; with a CRL every certificate below them must be on it or fine. */
    private static TrustManagerFactory trust(Path anchors, String crl) throws Exception {
        KeyStore store = emptyStore();
        var certificates = CertificateFactory.getInstance("X.509");
        try (InputStream pem = Files.newInputStream(anchors)) {
            for (Certificate anchor : certificates.generateCertificates(pem)) {
                store.setCertificateEntry("anchor" + store.size(), anchor);
            }
        }
        var parameters = new PKIXBuilderParameters(store, new X509CertSelector());
        parameters.setRevocationEnabled(!crl.isEmpty());
        if (!crl.isEmpty()) {
            try (InputStream pem = Files.newInputStream(Path.of(crl))) {
                parameters.addCertStore(CertStore.getInstance(
                        "Collection",
                        new CollectionCertStoreParameters(certificates.generateCRLs(pem))));
            }
        }
        var factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(new CertPathTrustManagerParameters(parameters));
        return factory;
    }

    private static KeyStore emptyStore() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, NO_PASSWORD);
        return store;
    }
}
