# What Puma's command line cannot say.

# In cluster mode Puma loads the application before it forks unless told otherwise, and says in its README under
# Clustered mode that a phased restart cannot be used with that.
if ENV["PUMA_PHASED"]
  preload_app! false
else
  preload_app!
  on_worker_boot { File.write(File.join(ENV["LOADED"], Process.pid.to_s), "") }
end

# puma_worker_killer, as its README says under Enable Worker Killing and Configure, with the share of its example. How
# often it looks is 10 s unless told, and 5 s in the example, in which the whole container would be full here; "try
# reducing it to a very low value" is its advice.
if ENV["PUMA_RAM_MIB"]
  before_fork do
    require "puma_worker_killer"
    PumaWorkerKiller.config do |config|
      config.ram = ENV["PUMA_RAM_MIB"].to_i
      config.frequency = 1
      config.percent_usage = 0.98
      config.rolling_restart_frequency = false
    end
    PumaWorkerKiller.start
  end
end
