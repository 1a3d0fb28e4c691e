package boot

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger makes a logger that writes to stderr. format is "json" or "console",
// level is debug, info, warn or error. The error reports both when both are wrong.
func NewLogger(format, level string) (*zap.Logger, error) {
	var errs []error
	cfg := zap.NewProductionConfig()
	cfg.Sampling = nil
	cfg.DisableStacktrace = true
	cfg.EncoderConfig.TimeKey = "time"
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	switch format {
	case "json":
	case "console":
		cfg.Encoding = "console"
		cfg.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
		cfg.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		cfg.DisableCaller = true
	default:
		errs = append(errs, errors.New("REWEAVE_LOG_FORMAT: must be json or console"))
	}
	switch level {
	case "debug", "info", "warn", "error":
		cfg.Level, _ = zap.ParseAtomicLevel(level)
	default:
		errs = append(errs, errors.New("REWEAVE_LOG_LEVEL: must be debug, info, warn or error"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cfg.Build()
}
