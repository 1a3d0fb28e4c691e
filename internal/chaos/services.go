package main

import (
	"fmt"
	"path/filepath"
)

// start starts a service that does not run.
func (w *world) start(name string) (err error) {
	s := w.services[name]
	program := filepath.Join(w.h.bin, "reweave-"+s.kind)
	if w.skewOf(name) != "" {
		if program, err = w.h.skewed("reweave-" + s.kind); err != nil {
			return err
		}
	}
	s.proc, err = w.spawn(name, program, s.env)
	return err
}

// revive starts the services again that crashed by themselves, as a supervisor does. A
// server does not do that: what follows would be put down to the fault.
func (w *world) revive() error {
	for _, server := range []*process{w.nats, w.s3} {
		if server != nil && !server.alive() && !server.ended.Load() {
			return fmt.Errorf("%s ended by itself: %s", server.name, server.cmd.ProcessState)
		}
	}
	for name, s := range w.services {
		if s.proc == nil || s.proc.alive() || s.proc.ended.Load() {
			continue
		}
		if err := w.start(name); err != nil {
			return err
		}
	}
	return nil
}

// crash kills a service and starts it again.
func (w *world) crash(name string) error {
	w.services[name].proc.kill()
	return w.start(name)
}

// dump ends the services and has each say in its log what its goroutines were at.
func (w *world) dump() {
	for _, s := range w.services {
		if s.proc != nil {
			s.proc.dump()
		}
	}
}

// end ends all processes.
func (w *world) end() {
	for _, s := range w.services {
		if s.proc != nil {
			s.proc.kill()
		}
	}
	if w.bus != nil {
		w.bus.Close()
	}
	servers := []*process{w.nats, w.s3}
	for _, n := range w.nodes {
		servers = append(servers, n.proc)
	}
	for _, p := range servers {
		if p != nil {
			p.kill()
		}
	}
}
