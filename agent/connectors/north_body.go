package connectors

import (
	"fmt"

	"oibus/agent/entity"
)

// northBody is a NorthCommand (protocol/control-plane.md, section 4.5).
type northBody struct {
	headBody
	Caching      cachingBody    `json:"caching"`
	Transformers list[linkBody] `json:"transformers"`
}

// cachingBody is the caching block of a command.
type cachingBody struct {
	Trigger struct {
		ScanModeID       text       `json:"scanModeId"`
		ScanModeName     text       `json:"scanModeName"`
		ScanMode         *reference `json:"scanMode"`
		NumberOfElements number     `json:"numberOfElements"`
		NumberOfFiles    number     `json:"numberOfFiles"`
	} `json:"trigger"`
	Throttling struct {
		RunMinDelay         number `json:"runMinDelay"`
		MaxSize             number `json:"maxSize"`
		MaxNumberOfElements number `json:"maxNumberOfElements"`
	} `json:"throttling"`
	Error struct {
		RetryInterval     number `json:"retryInterval"`
		RetryCount        number `json:"retryCount"`
		RetentionDuration number `json:"retentionDuration"`
	} `json:"error"`
	Archive struct {
		Enabled           flag   `json:"enabled"`
		RetentionDuration number `json:"retentionDuration"`
	} `json:"archive"`
}

// amounts are the numbers of the block with their paths.
func (c *cachingBody) amounts() []struct {
	at string
	n  number
} {
	return []struct {
		at string
		n  number
	}{
		{"trigger.numberOfElements", c.Trigger.NumberOfElements}, {"trigger.numberOfFiles", c.Trigger.NumberOfFiles},
		{"throttling.runMinDelay", c.Throttling.RunMinDelay}, {"throttling.maxSize", c.Throttling.MaxSize},
		{"throttling.maxNumberOfElements", c.Throttling.MaxNumberOfElements},
		{"error.retryInterval", c.Error.RetryInterval}, {"error.retryCount", c.Error.RetryCount},
		{"error.retentionDuration", c.Error.RetentionDuration}, {"archive.retentionDuration", c.Archive.RetentionDuration},
	}
}

func (f *faults) caching(c *cachingBody) {
	for _, a := range c.amounts() {
		if !f.present("caching."+a.at, a.n.presence, aNumber) {
			continue
		}
		switch {
		case a.n.value < 0:
			f.add("%q must be greater than or equal to 0", "caching."+a.at)
		case a.n.value > maxTiming:
			f.add("%q must be less than or equal to %d", "caching."+a.at, maxTiming)
		}
	}
	f.present("caching.archive.enabled", c.Archive.Enabled.presence, aBoolean)
}

func (b *northBody) check() error {
	var f faults
	f.head(&b.headBody)
	f.caching(&b.Caching)
	if f.present("transformers", b.Transformers.presence, anArray) {
		for i := range b.Transformers.items {
			f.link(fmt.Sprintf("transformers[%d].", i), &b.Transformers.items[i])
		}
	}
	return f.err()
}

// caching is what a body that was checked says of the cache, but for the scan mode.
func (c *cachingBody) caching() entity.Caching {
	return entity.Caching{
		Trigger:    entity.CachingTrigger{NumberOfElements: c.Trigger.NumberOfElements.value, NumberOfFiles: c.Trigger.NumberOfFiles.value},
		Throttling: entity.CachingThrottling{RunMinDelay: c.Throttling.RunMinDelay.value, MaxSize: c.Throttling.MaxSize.value, MaxNumberOfElements: c.Throttling.MaxNumberOfElements.value},
		Error:      entity.CachingError{RetryInterval: c.Error.RetryInterval.value, RetryCount: c.Error.RetryCount.value, RetentionDuration: c.Error.RetentionDuration.value},
		Archive:    entity.CachingArchive{Enabled: c.Archive.Enabled.value, RetentionDuration: c.Archive.RetentionDuration.value},
	}
}
