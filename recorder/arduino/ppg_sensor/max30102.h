// MAX30102 over I2C: infrared light that a finger reflects, 18 bits, averaged in the sensor.
#pragma once

#include <Arduino.h>
#include <Wire.h>

class Max30102 {
 public:
  // Returns whether a MAX30102 answers.
  bool begin() {
    Wire.begin();
    Wire.setClock(400000);
#ifdef WIRE_HAS_TIMEOUT
    Wire.setWireTimeout(5000, true);  // microseconds; a loose wire must not stop the sketch
#endif
    uint8_t part = 0;
    return read(kPartId, &part, 1) && part == 0x15;
  }

  // Starts the measurement anew: four conversions are averaged into each sample.
  void start(uint16_t rate, uint8_t led_current) {
    const uint8_t code = rate >= 100 ? 3 : rate >= 50 ? 2 : 1;  // 400, 200, 100 conversions/s
    write(kMode, 0x40);                                         // reset
    delay(10);
    write(kFifoConfiguration, 2 << 5 | 1 << 4);  // average of 4; the oldest sample is replaced
    write(kMode, 0x03);                          // red and infrared
    write(kSpo2Configuration, static_cast<uint8_t>(1 << 5 | code << 2 | 3));  // 4096 nA, 18 bits
    write(kLedRed, led_current);
    write(kLedInfrared, led_current);
    write(kFifoWrite, 0);
    write(kFifoOverflow, 0);
    write(kFifoRead, 0);
  }

  // Returns the number of samples that wait in the sensor, up to 31.
  uint8_t waiting() {
    uint8_t pointers[3];
    if (!read(kFifoWrite, pointers, 3)) return 0;
    return (pointers[0] - pointers[2]) & 31;
  }

  // Reads the oldest sample's infrared value.
  bool next(uint32_t& infrared) {
    uint8_t bytes[6];
    if (!read(kFifoData, bytes, 6)) return false;
    infrared = (static_cast<uint32_t>(bytes[3] & 3) << 16) |
               (static_cast<uint32_t>(bytes[4]) << 8) | bytes[5];
    return true;
  }

 private:
  enum Register : uint8_t {
    kFifoWrite = 0x04,
    kFifoOverflow = 0x05,
    kFifoRead = 0x06,
    kFifoData = 0x07,
    kFifoConfiguration = 0x08,
    kMode = 0x09,
    kSpo2Configuration = 0x0A,
    kLedRed = 0x0C,
    kLedInfrared = 0x0D,
    kPartId = 0xFF,
  };
  static const uint8_t kAddress = 0x57;

  static void write(uint8_t place, uint8_t value) {
    Wire.beginTransmission(kAddress);
    Wire.write(place);
    Wire.write(value);
    Wire.endTransmission();
  }

  static bool read(uint8_t place, uint8_t* bytes, uint8_t count) {
    Wire.beginTransmission(kAddress);
    Wire.write(place);
    if (Wire.endTransmission(false) != 0) return false;
    if (Wire.requestFrom(kAddress, count) != count) return false;
    for (uint8_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(Wire.read());
    return true;
  }
};
