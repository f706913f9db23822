import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** Says who answers: java Server PORT. One thread does all, so a request that is held holds the whole process. */
public class Server {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(args[0])), 0);
        server.createContext("/", exchange -> {
            String query = exchange.getRequestURI().getQuery();
            if (query != null && query.startsWith("hold=")) {
                try {
                    Thread.sleep((long) (1000 * Double.parseDouble(query.substring(5))));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            byte[] body = String.format("pid=%d slot=%s generation=%s client=%s\n", ProcessHandle.current().pid(),
                System.getenv("ROTA_SLOT"), System.getenv("ROTA_GENERATION"),
                exchange.getRemoteAddress().getAddress().getHostAddress()).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
