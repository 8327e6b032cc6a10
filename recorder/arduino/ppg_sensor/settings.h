// What is connected, and how the sketch starts. Change it here; the host can change the rate later.
#pragma once

#include <Arduino.h>

namespace settings {

const uint32_t kBaud = 115200;

// PulseSensor, or another sensor with a voltage, on this pin. Set to false if there is none: a free
// pin gives noise.
const bool kAnalog = true;
const uint8_t kAnalogPin = A0;

// MAX30102 on the I2C bus. It is used if it answers; the analog pin is then left alone unless
// kBoth is true.
const bool kMax30102 = true;
const bool kBoth = false;
const uint8_t kLedCurrent = 0x24;  // 7.2 mA, in steps of 0.2 mA

// Samples per second of each channel: 25 as in the paper, 50 or 100.
const uint16_t kRate = 100;

}  // namespace settings
