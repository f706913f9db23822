package supervisor

import (
	"cmp"
	"net/netip"
	"slices"

	"rota/listener"
	"rota/procstats"
)

// What a capture is told of the worker that it is to look at.

// workerURL is where a worker can be reached alone; empty without a front.
func (s *Supervisor) workerURL(id uint64) string {
	if s.front == nil {
		return ""
	}
	socket := s.sockets.Chosen(id)
	if socket == nil || socket.Address().Family == listener.Unix {
		return ""
	}
	ip := socket.Address().IP.Unmap()
	switch {
	case ip.IsUnspecified() && socket.Address().Family == listener.IPv6:
		ip = netip.IPv6Loopback()
	case ip.IsUnspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return "http://" + netip.AddrPortFrom(ip, socket.Address().Port).String()
}

// membersOf are the processes of a worker, the one with the most memory of its
// own first: of a server that forks, that is where the evidence is. Not for the
// loop, since the kernel walks all that memory.
func membersOf(leader int) []int {
	pids, err := procstats.Host.Tree(leader)
	if err != nil {
		return []int{leader}
	}
	private := map[int]int64{}
	for _, pid := range pids {
		if u, err := procstats.Host.Rollup(pid); err == nil {
			private[pid] = u.PrivateClean + u.PrivateDirty + u.SwapPSS
		} else if status, err := procstats.Host.Status(pid); err == nil { // it may not be looked at more closely
			private[pid] = status.Private()
		}
	}
	slices.SortStableFunc(pids, func(a, b int) int { return cmp.Compare(private[b], private[a]) })
	return pids
}

// serverOf is the process of a worker that listens, if that still lives; else
// its leader. A pid may have gone to somebody else since.
func serverOf(leader, server int, members []int) int {
	if slices.Contains(members, server) {
		return server
	}
	return leader
}
