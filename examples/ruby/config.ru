# A small HTTP server that leaks: each request for / keeps LEAK_KIB KiB for ever.
require "rack/request"
require "objspace"
require "tmpdir"

# On SIGPROF, which Puma leaves alone, it writes all that is in memory to heap.PID.json, in the temporary folder.
Signal.trap("PROF") do
  Thread.new do # a handler may not take locks
    path = File.join(Dir.tmpdir, "heap.#{Process.pid}.json")
    # A file or link that is there already may be another user's.
    File.open(path, File::WRONLY | File::CREAT | File::EXCL, 0o600) { |file| ObjectSpace.dump_all(output: file) }
  end
end

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
