// Java's HttpClient. Reads cases from stdin, one a line: URL FRAMING SIZE EXPECT; prints the status, or the error, of each.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

class Client {
    /** The server's certificate is one of the tests' own. */
    static final TrustManager ANY = new X509TrustManager() {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    public static void main(String[] arguments) throws Exception {
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {ANY}, new SecureRandom());
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(tls).build();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(ask(client, line.split(" ")));
        }
        System.exit(0); // not before the client's threads have ended, which takes a minute
    }

    static String ask(HttpClient client, String[] words) {
        byte[] bytes = new byte[Integer.parseInt(words[2])];
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(words[0])).timeout(Duration.ofSeconds(40));
        if (words[1].equals("chunked")) {
            request.POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)));
        } else {
            request.POST(BodyPublishers.ofByteArray(bytes));
        }
        if (!words[3].equals("-")) {
            request.header("Expect", words[3]);
        }
        try {
            return Integer.toString(client.send(request.build(), BodyHandlers.ofByteArray()).statusCode());
        } catch (Exception error) {
            return error.toString().replace('\n', ' ');
        }
    }
}
