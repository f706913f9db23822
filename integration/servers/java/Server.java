import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Says who answers, and what it was sent: java Server PORT. One thread does all, so a request that is held holds the
 * whole process.
 */
public class Server {
    private static final List<byte[]> leaked = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(args[0])), 0);
        server.createContext("/", exchange -> {
            Map<String, String> query = parse(exchange.getRequestURI().getQuery());
            byte[] received = exchange.getRequestBody().readAllBytes();
            int leak = Integer.parseInt(query.getOrDefault("leak", "0"));
            if (leak > 0) {
                leaked.add(new byte[leak << 10]);
            }
            try {
                Thread.sleep((long) (1000 * Double.parseDouble(query.getOrDefault("hold", "0"))));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            byte[] body = String.format("pid=%d slot=%s generation=%s client=%s id=%s length=%d sha256=%s\n",
                ProcessHandle.current().pid(), System.getenv("ROTA_SLOT"), System.getenv("ROTA_GENERATION"),
                exchange.getRemoteAddress().getAddress().getHostAddress(), query.getOrDefault("id", "-"),
                received.length, digest(received)).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }

    private static Map<String, String> parse(String query) {
        Map<String, String> values = new HashMap<>();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            String[] parts = pair.split("=", 2);
            values.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        return values;
    }

    private static String digest(byte[] data) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
