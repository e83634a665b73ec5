package transform

import (
	"strings"
	"time"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// Template is sample input for tests of transformers (data-plane.md, 7.9).
type Template struct {
	Type        string `json:"type"`
	Data        string `json:"data"` // indented JSON
	Description string `json:"description"`
}

// TemplateFor is the sample of an input type, with timestamps of now. Types that nobody knows get that of setpoints.
func TemplateFor(inputType string, now time.Time) Template {
	instant := string(datetime.AppendInstant(nil, now.UnixMilli()))
	at := func(data string) string { return strings.ReplaceAll(data, "@now", instant) }
	switch content.Kind(inputType) {
	case content.TimeValues:
		return Template{inputType, at(timeValuesSample), "Sample time-series data with multiple sensor readings"}
	case content.Any, content.AnyContent:
		return Template{inputType, at(fileSample), "Sample file content with structured data"}
	}
	return Template{string(content.Setpoints), setpointSample, "Sample setpoint commands for various parameters"}
}

const fileSample = `{
  "timestamp": "@now",
  "source": "test_device",
  "measurements": {
    "temperature": 23.5,
    "humidity": 65.2,
    "pressure": 1013.25
  },
  "metadata": {
    "device_id": "sensor_001",
    "location": "building_a_floor_2",
    "firmware_version": "1.2.3"
  }
}`

const timeValuesSample = `[
  {
    "pointId": "temperature_sensor_01",
    "timestamp": "@now",
    "data": {
      "value": 23.5,
      "unit": "°C",
      "quality": "good"
    }
  },
  {
    "pointId": "pressure_sensor_01",
    "timestamp": "@now",
    "data": {
      "value": 1013.25,
      "unit": "hPa",
      "quality": "good"
    }
  },
  {
    "pointId": "humidity_sensor_01",
    "timestamp": "@now",
    "data": {
      "value": 65.2,
      "unit": "%",
      "quality": "good"
    }
  }
]`

const setpointSample = `[
  {
    "reference": "setpoint_temperature",
    "value": 22
  },
  {
    "reference": "setpoint_pressure",
    "value": 1000
  },
  {
    "reference": "setpoint_enabled",
    "value": true
  },
  {
    "reference": "setpoint_mode",
    "value": "auto"
  }
]`
