# A small HTTP server that leaks: each request for / keeps LEAK_KIB KiB for ever.
require "rack/request"

leak_kib = Integer(ENV.fetch("LEAK_KIB", 1024))
kept = [] # never emptied: this is the leak
lock = Mutex.new

run lambda { |env|
  request = Rack::Request.new(env)
  headers = { "Content-Type" => "text/plain; charset=utf-8" }

  case [request.request_method, request.path_info]
  in ["GET", "/health"]
    [200, headers, ["ok\n"]]
  in ["GET" | "POST", "/"]
    leaked = lock.synchronize do
      kept << "x" * (leak_kib * 1024) # written, so that the kernel must really give it
      kept.size * leak_kib
    end
    body = request.post? ? " body=#{request.body.read.bytesize}" : ""
    sleep request.GET["hold"].to_f

    slot, generation = %w[ROTA_SLOT ROTA_GENERATION].map { |name| ENV.fetch(name, "-") }
    [200, headers, ["pid=#{Process.pid} slot=#{slot} generation=#{generation} leaked=#{leaked} KiB#{body}\n"]]
  else
    [404, headers, ["not found\n"]]
  end
}
