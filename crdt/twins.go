package crdt

import (
	"maps"
	"slices"
)

// Twins returns the devices that certainly wrote in two places, ascending. A device that begins a new epoch never returns
// to the one before. So where each of two logs of a device has an operation made in knowledge of the other log, two
// copies of the device are at work; and so where one log forks, which [Graph.Forks] shows in detail.
func (g *Graph) Twins() []DeviceID {
	var twins []DeviceID
	var earlier []LogID // of the same device as log
	for _, log := range slices.SortedFunc(maps.Keys(g.logs), LogID.Compare) {
		if len(earlier) > 0 && earlier[0].Device != log.Device {
			earlier = nil
		}
		twin := len(g.logs[log]) > 1 || slices.ContainsFunc(earlier, func(e LogID) bool { return g.knowsOf(e, log) && g.knowsOf(log, e) })
		if twin && !slices.Contains(twins, log.Device) {
			twins = append(twins, log.Device)
		}
		earlier = append(earlier, log)
	}
	return twins
}

// knowsOf reports whether an operation of log a was made in knowledge of log b.
func (g *Graph) knowsOf(a, b LogID) bool {
	ca, cb := g.chains[g.logs[a][0]], g.chains[g.logs[b][0]]
	return g.covers(&g.nodes[ca.ops[len(ca.ops)-1]], &g.nodes[cb.ops[0]])
}
