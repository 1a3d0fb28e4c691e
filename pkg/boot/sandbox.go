package boot

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/sandbox"
)

// TellSandbox tells, in one line of the log and by metrics, what the children of a
// service are kept in. Services that run in one process tell it once.
func TellSandbox(env Env, b sandbox.Box) error {
	inForce := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "reweave_sandbox", Help: "What ffmpeg is kept in: 1 where it is in force.",
	}, []string{"kind"})
	err := env.Metrics.Register(inForce)
	if _, told := errors.AsType[prometheus.AlreadyRegisteredError](err); told {
		return nil
	} else if err != nil {
		return err
	}
	kinds := map[string]string{"files": b.Files, "network": b.Network, "processes": b.Processes, "limits": b.Limits}
	for kind, by := range kinds {
		inForce.WithLabelValues(kind).Set(map[bool]float64{true: 1}[by != ""])
	}
	say := env.Log.Info
	if !b.Full() {
		say = env.Log.Warn
	}
	say("what ffmpeg is kept in", zap.String("files", b.Files), zap.String("network", b.Network),
		zap.String("processes", b.Processes), zap.String("limits", b.Limits), zap.String("lacks", b.Lacks))
	return nil
}
