package modbus

import (
	"context"
	"errors"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
)

// Settings are those that the South and the North of a device have in common.
type Settings struct {
	Host           string         `json:"host"`
	Port           setting.Number `json:"port"`
	ConnectTimeout setting.Number `json:"connectTimeout"` // ms
	RetryInterval  setting.Number `json:"retryInterval"`  // ms
	SlaveID        setting.Number `json:"slaveId"`
	AddressOffset  string         `json:"addressOffset"` // modbus or jbus
	Endianness     string         `json:"endianness"`    // big-endian or little-endian
	SwapBytes      setting.Flag   `json:"swapBytesInWords"`
	SwapWords      setting.Flag   `json:"swapWordsInDWords"` // of no effect on single registers
}

// Device is a configured device and the link to it.
type Device struct {
	Order   Order
	Options Options
	Link    *Link
	retry   time.Duration
	lost    func(reason error, after time.Duration)
}

// NewDevice checks settings. lost may be nil; keepAlive 0 is the default of Options.
func NewDevice(s *Settings, keepAlive time.Duration, lost func(reason error, after time.Duration)) (*Device, error) {
	if s.Host == "" {
		return nil, errors.New("the host is not specified")
	}
	o := Options{Host: s.Host, Port: int(s.Port.Int()), Unit: byte(s.SlaveID.Int()), ConnectTimeout: s.ConnectTimeout.Duration(time.Millisecond), KeepAlive: keepAlive}
	return &Device{
		Order:   Order{LittleEndian: s.Endianness == "little-endian", SwapBytes: bool(s.SwapBytes), SwapWords: bool(s.SwapWords)},
		Options: o, Link: NewLink(o), retry: s.RetryInterval.Duration(time.Millisecond), lost: lost,
	}, nil
}

// Connect connects to the device.
func (d *Device) Connect(ctx context.Context) error {
	err := d.Link.Open(ctx)
	if err != nil {
		d.Lose(err)
	}
	return err
}

// Lose says that the connection is gone.
func (d *Device) Lose(reason error) {
	if d.lost != nil {
		d.lost(reason, d.retry)
	}
}

// Test connects apart from the link, and tells where to.
func (d *Device) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	client, err := Dial(ctx, d.Options)
	if err != nil {
		return report, err
	}
	defer client.Close()
	report.Add("RemoteAddress", client.RemoteAddress())
	return report, nil
}
