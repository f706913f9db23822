# unicorn's configuration: what its examples/unicorn.conf.rb has for everybody.
worker_processes Integer(ENV.fetch("WORKERS"))
preload_app true

after_fork { |_, _| File.write(File.join(ENV["LOADED"], Process.pid.to_s), "") }
