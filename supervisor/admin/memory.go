package admin

import (
	"slices"
	"strconv"
	"time"

	"rota/policy"
	"rota/procstats"
	"rota/supervisor"
)

// poolMemory are the names and helps of what concerns the memory of all workers
// and of the container; those with a label have these values, all from the start.
var poolMemory = []family{
	{"rota_memory_total_bytes", "Memory that all workers cost together, memory that they share counted once, swap included; absent while that of a worker cannot be read.", ""},
	{"rota_memory_budget_bytes", "What rota_memory_total_bytes may be before a worker is replaced for it; absent without --max-total-memory.", ""},
	{"rota_worker_memory_limit_bytes", "What the memory of one worker may be before it is replaced, in the measure that --memory-metric names; absent without --max-memory.", ""},
	{"rota_memory_sharing_ratio", "Part of the workers' resident memory that is counted more than once when it is added up: 1 - sum of PSS / sum of RSS.", ""},
	{"rota_memory_cycles_paused", "1 while workers are not replaced for this trigger, since that did not help.", "trigger"},
	{"rota_cgroup_memory_usage_bytes", "Memory that the container uses, page cache included; the machine's without a container.", ""},
	{"rota_cgroup_memory_limit_bytes", "Memory that the container may use; absent without a limit.", ""},
	{"rota_cgroup_memory_working_set_bytes", "Memory that the container uses, without page cache that has not been used lately.", ""},
	{"rota_cgroup_memory_unreclaimable_bytes", "Memory that the kernel cannot take back from the container without swapping or killing.", ""},
	{"rota_cgroup_memory_swap_bytes", "Memory of the container that was swapped out.", ""},
	{"rota_cgroup_memory_events_total", "What the container met: throttled over memory.high, at its limit, out of memory, processes killed for it.", "event"},
	{"rota_cgroup_memory_pressure_seconds_total", "Time for which some of the container's processes, or all that could have run, waited for memory, or the machine's under cgroup v1, which counts none of a container; absent where the kernel does not tell.", "kind"},
	{"rota_cgroup_memory_oom_group", "1 if the kernel kills all of the container, rota too, when one process is over the limit.", ""},
}

// perWorkerMemory are those with a label slot that are not of one kind with the
// rest of perWorker.
var perWorkerMemory = []family{
	{"rota_worker_page_faults_total", "Page faults of the worker's processes; major ones had to read from a disk.", "kind"},
	{"rota_worker_memory_growth_bytes_per_second", "How fast the worker's memory grows; 0 where it does not grow steadily.", ""},
	{"rota_worker_memory_limit_seconds", "Time until the worker is expected to reach --max-memory; absent where that is not to be seen.", ""},
}

// export exports the value of a series.
type export func(name string, v float64, labels ...string)

// memory exports what the workers cost together and what their container has.
// Nothing is read for it: it is what the pool last went by.
func memory(st *supervisor.Status, gauge, counter export) {
	if !slices.ContainsFunc(st.Workers, hidden) {
		gauge("rota_memory_total_bytes", float64(st.Memory))
	}
	if st.Budget > 0 {
		gauge("rota_memory_budget_bytes", float64(st.Budget))
	}
	if st.MaxMemory > 0 {
		gauge("rota_worker_memory_limit_bytes", float64(st.MaxMemory))
	}
	if ratio, ok := sharing(st.Workers); ok {
		gauge("rota_memory_sharing_ratio", ratio)
	}
	for _, t := range []policy.Trigger{policy.Memory, policy.Total} {
		_, paused := st.Paused[t]
		gauge("rota_memory_cycles_paused", truth(paused), string(t))
	}
	if c := st.Container; c.Limit.Bytes > 0 { // else it could not be looked at
		contained(c, gauge, counter)
	}
}

func contained(c procstats.Container, gauge, counter export) {
	if !c.Machine {
		gauge("rota_cgroup_memory_limit_bytes", float64(c.Limit.Bytes))
	}
	gauge("rota_cgroup_memory_usage_bytes", float64(c.Usage))
	gauge("rota_cgroup_memory_working_set_bytes", float64(c.WorkingSet))
	gauge("rota_cgroup_memory_unreclaimable_bytes", float64(c.Unreclaimable))
	gauge("rota_cgroup_memory_swap_bytes", float64(c.Swap))
	gauge("rota_cgroup_memory_oom_group", truth(c.OOMGroup))
	const events = "rota_cgroup_memory_events_total"
	counter(events, float64(c.Events.High), "high")
	counter(events, float64(c.Events.Max), "max")
	counter(events, float64(c.Events.OOM), "oom")
	counter(events, float64(c.Events.OOMKill.Total()), "oom_kill")
	if c.Pressure.Known {
		const pressure = "rota_cgroup_memory_pressure_seconds_total"
		counter(pressure, c.Pressure.Some.Seconds(), "some")
		counter(pressure, c.Pressure.Full.Seconds(), "full")
	}
}

// outlook exports how a worker's memory moves. now is when that was published.
func outlook(w supervisor.WorkerStatus, now time.Time, gauge, counter export) {
	slot := strconv.Itoa(w.Slot)
	if !w.Sampled {
		return
	}
	const faults = "rota_worker_page_faults_total"
	counter(faults, float64(w.MinorFaults), slot, "minor")
	counter(faults, float64(w.MajorFaults), slot, "major")
	gauge("rota_worker_memory_growth_bytes_per_second", w.Foreseen.Growth, slot)
	if at := w.Foreseen.Reaches; !at.IsZero() {
		gauge("rota_worker_memory_limit_seconds", max(0, at.Sub(now).Seconds()), slot)
	}
}

// hidden tells whether nothing of a worker's memory may be read: a sum without it
// would be too low.
func hidden(w supervisor.WorkerStatus) bool { return w.Denied && !w.Sampled }

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// sharing is 1 - sum of PSS / sum of RSS over the workers that were measured.
func sharing(workers []supervisor.WorkerStatus) (float64, bool) {
	var pss, rss int64
	for _, w := range workers {
		if w.Measured {
			pss, rss = pss+w.PSS, rss+w.RSS
		}
	}
	if rss == 0 {
		return 0, false
	}
	return 1 - float64(pss)/float64(rss), true
}
