package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"

	"anteroom/config"
)

// newLogger logs to w as configured; level can be changed later.
func newLogger(w *os.File, cfg config.Log, level *slog.LevelVar) *slog.Logger {
	level.Set(logLevel(cfg.Level))
	text := cfg.Format == "text"
	colour := isTerminal(w)
	if cfg.Format == "auto" {
		text = colour
	}
	return slog.New(logHandler(w, text, colour, level))
}

func logHandler(w io.Writer, text, colour bool, level slog.Leveler) slog.Handler {
	if text {
		return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.DateTime, NoColor: !colour})
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withUnit})
}

// withUnit writes durations as text has them, "4.5s", where JSON would have nanoseconds that do not say so.
func withUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// logLevel reads a level that config has checked.
func logLevel(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return l
}
