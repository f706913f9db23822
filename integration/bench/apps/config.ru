# The application of the comparison, for Rack servers: no framework, so that what is measured is the server.
require "rack/utils"

sleep Float(ENV.fetch("BOOT", "0"))

# unicorn-worker-killer, as its README says under Usage. It counts all resident memory, also what the worker shares with
# its master, so what a worker may grow by comes on top of what the loaded application has. Its third number is after how
# many requests it looks: 16 unless told, in which a worker here could leak more than it may.
if ENV["UNICORN_MIN_MIB"]
  require "unicorn/worker_killer"
  base = GetProcessMem.new.bytes.to_i
  use Unicorn::WorkerKiller::Oom, base + ENV["UNICORN_MIN_MIB"].to_i * 1024**2, base + ENV["UNICORN_MAX_MIB"].to_i * 1024**2, 1
end

LEAKED = [] # never emptied

# A file that is named after the process tells that it can serve. Where a master loads this, its configuration (puma.rb,
# unicorn.rb) does the same for the workers that are forked.
File.write(File.join(ENV["LOADED"], Process.pid.to_s), "") if ENV["LOADED"]

run(lambda do |env|
  query = Rack::Utils.parse_query(env["QUERY_STRING"])
  kib = query.fetch("leak", "0").to_i
  LEAKED << "x" * (kib << 10) if kib > 0 # written, so that the kernel must really give it
  length = 0
  while (chunk = env["rack.input"].read(1 << 16))
    length += chunk.bytesize
  end
  sleep Float(query.fetch("hold", "0"))
  text = "pid=#{Process.pid} id=#{query["id"]} length=#{length}\n"
  [200, { "Content-Type" => "text/plain", "Content-Length" => text.bytesize.to_s }, [text]]
end)
