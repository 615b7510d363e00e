"""An executor of type `thermometer`: reads 1-wire (DS18B20) and DHT sensors through the files that Linux has for them.

On a Pi, with `dtoverlay=w1-gpio` (or `dtoverlay=dht11,gpiopin=4`) in config.txt:

    python3 thermometer.py

On another machine, the same with a folder that looks like it:

    python3 thermometer.py --fake ./fake-sys
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from colonies_edge import Executor

W1 = "bus/w1/devices"  # 28-…/w1_slave: two lines, the first ends in YES when the checksum is right
IIO = "bus/iio/devices"  # iio:device0/in_temp_input and in_humidityrelative_input, in thousandths
READS_MAX = 5  # one of some hundred 1-wire reads is disturbed; a wire that is loose disturbs all of them


class SensorError(Exception):
    """The message is what whoever asked will read."""


class Sensors:
    """Everything below a `/sys`, or a folder that looks like one."""

    def __init__(self, sys_folder: Path) -> None:
        self._sys = sys_folder

    def names(self) -> list[str]:
        wires = [path.parent.name for path in self._sys.glob(f"{W1}/28-*/w1_slave")]
        chips = [path.parent.name for path in self._sys.glob(f"{IIO}/iio:device*/in_temp_input")]
        return sorted(wires) + sorted(chips)

    def celsius(self, name: str) -> float:
        if name not in self.names():
            there = ", ".join(self.names()) or "none: is the overlay in config.txt, and the sensor connected?"
            raise SensorError(f"there is no sensor {name!r}; there are {there}")
        for _ in range(READS_MAX):
            value = self._wire(name) if name.startswith("28-") else self._chip(name, "in_temp_input")
            if value is not None:
                return value
        raise SensorError(f"{name} gave {READS_MAX} bad readings one after another; check the wiring and its resistor")

    def humidity(self, name: str) -> float | None:
        """Percent, of sensors that measure it."""
        return self._chip(name, "in_humidityrelative_input")

    def _wire(self, name: str) -> float | None:
        try:
            check, reading = (self._sys / W1 / name / "w1_slave").read_text().splitlines()[:2]
        except (OSError, ValueError):
            return None
        # 85 °C is what the chip says before its first measurement.
        millis = reading.rpartition("t=")[2]
        return int(millis) / 1000 if check.endswith("YES") and millis != "85000" else None

    def _chip(self, name: str, file: str) -> float | None:
        try:
            return int((self._sys / IIO / name / file).read_text()) / 1000
        except (OSError, ValueError):  # a DHT answers every other second, and not always
            return None


def fake(folder: Path) -> None:
    """A `/sys` with one sensor of each kind."""
    wire, chip = folder / W1 / "28-0000demo0001", folder / IIO / "iio:device0"
    for path, text in (
        (wire / "w1_slave", "53 01 4b 46 7f ff 0d 10 e9 : crc=e9 YES\n53 01 4b 46 7f ff 0d 10 e9 t=21187\n"),
        (chip / "in_temp_input", "22400\n"),
        (chip / "in_humidityrelative_input", "48100\n"),
    ):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def executor(sensors: Sensors, **settings: Any) -> Executor:
    worker = Executor.from_env(executortype="thermometer", **settings)

    @worker.function
    def sensors_here() -> list[str]:
        """The names that the others take."""
        return sensors.names()

    @worker.function
    def read_temperature(sensor: str = "") -> dict[str, Any]:
        """Of the first sensor, where none is named."""
        name = sensor or next(iter(sensors.names()), "")
        reading: dict[str, Any] = {"sensor": name, "celsius": sensors.celsius(name)}
        humidity = sensors.humidity(name)
        return reading if humidity is None else {**reading, "humidity": humidity}

    @worker.function
    def average_temperature(sensor: str, seconds: int, ctx: Any) -> float:
        """The mean of a reading per second; whoever waits sees them as lines of the log."""
        readings = []
        for _ in range(max(1, seconds)):
            readings.append(sensors.celsius(sensor))
            ctx.log(f"{readings[-1]:.3f}\n")
            if ctx.wait_cancelled(1):
                break  # nobody wants it any more
        return round(sum(readings) / len(readings), 3)

    return worker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", metavar="DIR", type=Path, help="read sensors below this folder, which is made")
    given = parser.parse_args()
    if given.fake is not None:
        fake(given.fake)
    executor(Sensors(given.fake or Path("/sys"))).run()


if __name__ == "__main__":
    main()
