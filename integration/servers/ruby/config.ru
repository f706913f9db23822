# Says who answers, for Puma.
run lambda { |env|
  sleep env["QUERY_STRING"][/hold=([\d.]+)/, 1].to_f
  slot, generation = ENV.fetch("ROTA_SLOT"), ENV.fetch("ROTA_GENERATION")
  [200, {}, ["pid=#{Process.pid} slot=#{slot} generation=#{generation} client=#{env["REMOTE_ADDR"]}\n"]]
}
