# Says who answers, and what it was sent, for Puma.
require "digest/sha2" # now: loaded on first use by two threads at once, it fails

LEAKED = []
Digest::SHA256.hexdigest("")

run lambda { |env|
  query = env["QUERY_STRING"]
  received = env["rack.input"].read
  leak = query[/leak=(\d+)/, 1].to_i
  LEAKED << "x" * (leak << 10) if leak > 0
  sleep query[/hold=([\d.]+)/, 1].to_f
  slot, generation = ENV.fetch("ROTA_SLOT"), ENV.fetch("ROTA_GENERATION")
  [200, {}, ["pid=#{Process.pid} slot=#{slot} generation=#{generation} client=#{env["REMOTE_ADDR"]}",
    " id=#{query[/id=([^&]+)/, 1] || "-"} length=#{received.bytesize} sha256=#{Digest::SHA256.hexdigest(received)}\n"]]
}
