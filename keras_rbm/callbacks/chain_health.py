"""`ChainHealth`: how well the chains mix, and which hidden units are dead."""

import logging

import keras
import numpy as np

from keras_rbm import checks, diagnostics, random, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Measurement, as_rows, completed
from keras_rbm.compiled import compiled
from keras_rbm.models.weights import averaged_weights
from keras_rbm.plots.chains import MAX_MEMORY
from keras_rbm.rows import drawn
from keras_rbm.samplers.tempered import TRIP_SWEEPS
from keras_rbm.typing import Array, Logs, Path, State

#: Chains do not mix if more than this share of the units never flips.
MAX_NEVER_FLIPPING = 0.5
#: Particles miss a part of the data if the distance between the projections of
#: particles and data exceeds this number twice in a row.
MAX_DISTANCE = 0.4
#: The correlation of states is checked only if there are at least this many
#: chains, and must exceed `MAX_MEMORY` twice in a row. Once, the correlation of
#: 3 independent chains does so in half of the measurements, and that of 16
#: chains in 0.1 % if two modes have the same weight, or in 2 % if one mode has
#: nine times the weight of the other.
LEAST_CHAINS = 16
# Most examples that are projected.
_PROJECTED = 2000
# The rate of round trips is checked after this many sweeps, plus this many for
# each beta.
_TRIP_SWEEPS, _TRIP_SWEEPS_OF_BETA = 500, 20
#: A top layer is dead if more than this share of its units is constant.
MAX_TOP_CONSTANT = 0.5

_LOG = logging.getLogger("keras_rbm")
_BATCH = 1000
_TOP_CONSTANT = f"{tensorboard.LEARNING}/top_constant"


class ChainHealth(Measurement):
    """Writes to TensorBoard every few epochs how well the chains mix.

    For persistent chains, a run of block-Gibbs sweeps starts from copies of
    the fantasy particles, with the current weights; the particles themselves
    do not move. The callback writes these values in the group `3 Chains`:

    - `autocorrelation_time`: autocorrelation time of the free energy, in
      sweeps, over all chains. If it exceeds a fifth of the run, it is only a
      lower bound.
    - `memory`: autocorrelation of the free energy over half the run: 0 for
      chains that mix, 1 for chains that do not move.
    - `projection_memory`: correlation over the chains between their states
      before and after the run, projected on a principal axis of the data; the
      largest value over the first three axes. It is 1 for chains that stay in
      their modes, even if the modes have the same free energy. With fewer
      than 16 chains, it is often large by chance.
    - `projection_distance`: the largest distance between the distributions of
      particles and data on these axes (Kolmogorov-Smirnov, 0 to 1). It is
      large if the particles are in too few modes.
    - `never_flipping`: among the visible units that have a list of states and
      vary in the data, the share that flips in no chain. Real-valued units
      have no list of states.
    - `distance`: root mean square, over the visible units, of the difference
      between the means of the particles and of the data; `distance_after`: the
      same at the end of the run; `distance_floor`: the mean distance of as
      many independent examples. Learning itself keeps `distance` near the
      floor. `distance_after` shows where the machine would go without
      learning: if it is far above the floor, the learning rate is high.
    - For chains with the sampler `Tempered`: `swap_rate_min` and
      `swap_rate_mean`, over neighbouring betas, and `round_trip_rate`, how
      often per sweep a replica of a chain arrives at beta = 1 from beta = 0.
      For these chains, the autocorrelation is measured with plain sweeps,
      without exchanges, and is a property of the machine.

    Rows with missing entries are completed first, at each measurement, by
    draws of the model given the observed entries. The measures compare the
    chains with these completed rows: a model that completes the rows wrongly
    may look healthier than it is.

    These values describe the machine, with averaged weights if the optimizer
    keeps them:

    - `4 Learning/hidden_dead`, `4 Learning/hidden_saturated`: shares of the
      hidden units with a list of states whose mean given v, scaled to 0 and 1
      for the least and the largest state, is below 0.01, or above 0.99, for
      all the examples `v`. These units carry no information.
    - `4 Learning/top_constant`, only for a `DeepBoltzmannMachine`: share of
      the top layer's units whose means differ by less than 0.01 over all the
      examples.
    - `2 Likelihood/validation_gap`: mean F(v) - mean F(v_train), in nats. It
      grows with overfitting.

    The logger `keras_rbm` gets a warning, once for each `fit`, if the chains
    have stopped mixing, that is, if

    - a memory is above 0.8, so that four fifths of the spread of free energies,
      or of states, lie between chains (for states: twice in a row, and only
      with 16 or more chains);
    - the particles miss a part of the data twice in a row: the distance of
      their projections has a p-value below 0.0001 and exceeds 0.4;
    - more than half of the units never flip;
    - a swap rate of tempered chains is below 0.05; or
    - replicas of tempered chains swap, but make less than a fifth of the round
      trips that they would make if they moved freely
      (`tempering.free_trip_rate`).

    A second warning appears when more than half of the top layer is constant
    for the second time. A long autocorrelation time alone gives no warning:
    machines that learn digits well have times of hundreds of sweeps, because
    the changing weights also move their chains; their memory stays below 0.7.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, visible.width)`, validation data.
        v_train: Training data of the same form, preferably as many examples;
            `None` for no gap. The chains are compared with the mean of these
            data, or, without them, with the mean of `v`.
        every: Number of epochs between two measurements. The first and the
            last epoch of a `fit` are measured, too. If a callback after this
            one stops the training at the end of an epoch, that epoch does not
            count as the last one.
        num_sweeps: Length of the run, in sweeps.
        seed: Integer from 0 to 2**64 - 1, for the run; `None` for a seed from
            Python's generator.

    Raises:
        ValueError: If an argument is not as described, or, when `fit` begins,
            if the data cannot be states of the visible units.

    Reference: Hinton (2010), "A practical guide to training restricted
        Boltzmann machines", sections 6 and 15.

    Example:
        health = callbacks.ChainHealth("logs", x, every=5)
        rbm.fit(x, updates=100, callbacks=[health], verbose=0)
        print(health.health)  # "ok", or why the chains do not mix.
    """

    def __init__(
        self,
        log_dir: Path,
        v: Array,
        v_train: Array | None = None,
        every: int = 10,
        num_sweeps: int = 300,
        seed: int | None = 0,
    ):
        super().__init__(log_dir, every)
        self.v, self.v_train = (
            None if x is None else np.asarray(checks.unmasked(x))
            for x in (v, v_train)
        )
        self.num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
        self.seed = checks.seed(seed)
        #: "ok", or why the chains do not mix, by the latest measurement;
        #: `None` before the first measurement.
        self.health = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.check_examples(self.v, "v")
        self.v = as_rows(self.model, self.v)
        if self.v_train is not None:
            self.model.check_examples(self.v_train, "v_train")
            self.v_train = as_rows(self.model, self.v_train, "v_train")
        super().on_train_begin(logs)
        self._warned, self._times_top_constant = False, 0
        self._times_apart, self._times_kept, self._axes = 0, 0, None
        self.health = None

    def get_state(self) -> State:
        return super().get_state() | {
            "warned": self._warned,
            "times_top_constant": self._times_top_constant,
            "times_apart": self._times_apart,
            "times_kept": self._times_kept,
            "health": self.health,
        }

    def set_state(self, state: State) -> None:
        super().set_state(state)
        self._warned = state["warned"]
        self._times_top_constant = state.get("times_top_constant", 0)
        self._times_apart = state.get("times_apart", 0)
        self._times_kept = state.get("times_kept", 0)
        self.health = state.get("health")

    def measure(self, step: int) -> dict[str, float]:
        values = self._machine_values()
        self._warn_of_top(step, values.get(_TOP_CONSTANT, 0.0))
        if self.model.machine_particles is not None:
            chains = self._chains()
            values |= {
                f"{tensorboard.CHAINS}/{k}": x for k, x in chains.items()
            }
            self._warn(step, chains)
        return values

    def _machine_values(self):
        with averaged_weights(self.model):
            machine = self._machine()
            v = self._states(self.v)
            free_energy, least, most = _ranges(machine, v)
            values = {}
            if self.v_train is not None:
                train = _ranges(machine, self._states(self.v_train))
                values[f"{tensorboard.LIKELIHOOD}/validation_gap"] = (
                    free_energy - train[0]
                )
        # The columns after the example hold the means of the layer above.
        top = v[:, self.model.example_units.width :]
        if top.size and len(top) > 1:
            values[_TOP_CONSTANT] = _constant(top)
        states = machine.hidden.states
        if states is not None:
            dead, saturated = _dead_and_saturated(states, least, most)
            values[f"{tensorboard.LEARNING}/hidden_dead"] = dead
            values[f"{tensorboard.LEARNING}/hidden_saturated"] = saturated
        return values

    def _chains(self):
        """The measures of the chains, `{name: number}`, names without group."""
        machine = self._machine()
        particles = self.model.machine_particles
        run = diagnostics.run(
            machine, particles, random.stream(self.seed), self.num_sweeps
        )
        free_energy = keras.ops.convert_to_numpy(run.free_energy)
        rows = self.v if self.v_train is None else self.v_train
        data = self._states(rows)
        mean = data.mean(axis=0, dtype="float64")
        # Complete data do not change between measurements.
        if self._axes is None or np.isnan(rows).any():
            self._axes = diagnostics.principal_axes(data)
        axes, centre = self._axes
        before, after, of_data = (
            (keras.ops.convert_to_numpy(v) - centre) @ axes.T
            for v in (particles, run.v, drawn(data, _PROJECTED))
        )
        apart = diagnostics.two_sample(before, of_data)
        far = not apart.alike and apart.largest > MAX_DISTANCE
        self._times_apart = self._times_apart + 1 if far else 0
        memory = diagnostics.memory(before, after)
        keeps = memory > MAX_MEMORY and len(particles) >= LEAST_CHAINS
        self._times_kept = self._times_kept + 1 if keeps else 0

        def distance(v):
            v = keras.ops.convert_to_numpy(v).mean(axis=0, dtype="float64")
            return np.sqrt(np.mean(np.square(v - mean)))

        values = {
            "autocorrelation_time": diagnostics.autocorrelation_time(
                free_energy
            ).sweeps,
            "memory": diagnostics.autocorrelation(free_energy)[
                self.num_sweeps // 2
            ],
            "projection_memory": memory,
            "projection_distance": apart.largest,
            "distance": distance(particles),
            "distance_after": distance(run.v),
        }
        variance = data.var(axis=0, dtype="float64")
        if machine.visible.states is not None:
            flipped = keras.ops.convert_to_numpy(run.flipped)[variance > 0]
            if flipped.size:
                values["never_flipping"] = 1.0 - flipped.mean()
        values["distance_floor"] = np.sqrt(variance.mean() / len(particles))
        rates = self.model.chain.swap_rates
        if rates is not None:
            rates = keras.ops.convert_to_numpy(rates)
            values["swap_rate_min"] = rates.min()
            values["swap_rate_mean"] = rates.mean()
            trips = self.model.chain.trip_rate
            if trips is not None:
                trips = keras.ops.convert_to_numpy(trips)
                values["round_trip_rate"] = float(trips)
        return values

    def _warn_of_top(self, step, constant):
        dead = bool(constant > MAX_TOP_CONSTANT)  # A checkpoint holds JSON.
        self._times_top_constant += dead
        # Warns only once, and not at the start, before units have learned.
        if dead and self._times_top_constant == 2:
            _LOG.warning(
                "epoch %d: %.0f%% of the top layer's units have the same mean "
                "for all examples, and learn nothing. Lower the learning "
                "rate, or pretrain both layers.",
                step,
                100 * constant,
            )

    def _warn(self, step, values):
        reason = _reason(
            values,
            self.num_sweeps,
            self._ladder(),
            self._times_kept > 1,
            self._times_apart > 1,
        )
        self.health = reason or "ok"
        if reason and not self._warned:
            self._warned = True
            _LOG.warning("epoch %d: the chains do not mix: %s", step, reason)

    def _ladder(self):
        """Swap rates of tempered chains, and numbers of their round trips.

        The two numbers, measured and for freely moving replicas, count trips
        within the window of the running mean. Returns `None` for other chains.
        """
        chain = self.model.chain
        if chain.swap_rates is None:
            return None
        rates = keras.ops.convert_to_numpy(chain.swap_rates)
        if chain.trip_rate is None:  # No replica goes round.
            return rates, 0.0, 0.0
        trips, updates, sweeps = (
            keras.ops.convert_to_numpy(x)
            for x in (chain.trip_rate, self.model.updates, chain.num_sweeps)
        )
        # The running mean begins at 0, and a replica needs time to travel.
        least = _TRIP_SWEEPS + _TRIP_SWEEPS_OF_BETA * len(rates)
        time = TRIP_SWEEPS * chain.num_chains
        if updates * sweeps < least:
            time = 0
        free = tempering.free_trip_rate(rates, np)
        return rates, float(trips) * time, float(free) * time

    def _states(self, v):
        """States of the machine's visible side, as an array."""
        v = completed(self.model, v)
        return keras.ops.convert_to_numpy(self.model.machine_states(v))

    def _machine(self):
        model = self.model
        return machine_lib.cast(model.machine(), model.variable_dtype)


def _reason(values, num_sweeps, ladder, kept, apart):
    """Why the chains do not mix, or `None` if they mix.

    Args:
        values: Measured numbers by name.
        num_sweeps: Length of the run.
        ladder: Arguments of `diagnostics.ladder_warnings`, or `None`.
        kept: Whether enough chains have stayed in their modes twice in a row.
        apart: Whether particles have missed a part of the data twice in a row.
    """
    reasons, remedies = [], []
    # Exchanges move tempered chains even if plain sweeps do not mix.
    if ladder is not None:
        reasons += diagnostics.ladder_warnings(*ladder)
    else:
        if values["memory"] > MAX_MEMORY:
            reasons.append(
                f"over {num_sweeps // 2} sweeps their free energies stay "
                f"correlated by {values['memory']:.2f}, more than "
                f"{MAX_MEMORY:g}"
            )
        if kept:
            reasons.append(
                f"over {num_sweeps} sweeps they stay in their modes: on a "
                "principal axis of the data their states stay correlated by "
                f"{values['projection_memory']:.2f}, more than {MAX_MEMORY:g}"
            )
        if values.get("never_flipping", 0.0) > MAX_NEVER_FLIPPING:
            reasons.append(
                f"{values['never_flipping']:.0%} of the visible units never "
                f"flip in {num_sweeps} sweeps"
            )
        if reasons:
            remedies.append(
                "Lower the learning rate and let it fall to 0, take more "
                "sweeps or chains, or move the chains by tempering: "
                "PersistentChain(sampler=Tempered()), or, for data in "
                "clusters, LowRankTempering"
            )
    if apart:
        reasons.append(
            "they are in too few modes: on a principal axis of the data, the "
            "distributions of particles and data are "
            f"{values['projection_distance']:.2f} apart (Kolmogorov-Smirnov)"
        )
        remedies.append(
            "Chains that move between the modes learn how much weight each "
            "has: begin with keras_rbm.low_rank.start, and train with "
            "PersistentChain(sampler=LowRankTempering(...))"
        )
    if not reasons:
        return None
    if ladder is None:
        remedies.insert(0, "The gradient is not to be trusted then")
    return " ".join(
        [f"{', and '.join(reasons)}.", *(f"{x}." for x in remedies)]
    )


def _ranges(machine, v):
    """Mean free energy of states `v`; least and largest E[h | v] by unit."""
    total, least, most = 0.0, np.inf, -np.inf
    for first in range(0, len(v), _BATCH):
        batch = v[first : first + _BATCH]
        # Each batch is padded: XLA would compile another shape again.
        rows = np.resize(batch, (_BATCH, v.shape[1]))
        rows = keras.ops.cast(rows, machine_lib.dtype(machine))
        found = map(keras.ops.convert_to_numpy, _ranges_of_batch(machine, rows))
        free_energy, low, high = found
        total += free_energy[: len(batch)].sum(dtype="float64")
        least, most = np.minimum(least, low), np.maximum(most, high)
    return total / len(v), least, most


def _dead_and_saturated(states, least, most):
    """Shares of units that no example switches on, and that none switches off.

    Their means, scaled to 0 and 1 for the least and the largest state, stay
    below 0.01, or above 0.99.
    """
    low, high = np.min(states), np.max(states)
    share = 0.01 * (high - low)
    return np.mean(most < low + share), np.mean(least > high - share)


@compiled
def _ranges_of_batch(machine, v):
    inputs = machine_lib.hidden_inputs(machine, v)
    mean = machine.hidden.mean(inputs, machine.hidden_params)
    free_energy = machine_lib.free_energy(machine, v, inputs)
    return (
        free_energy,
        keras.ops.min(mean, axis=0),
        keras.ops.max(mean, axis=0),
    )


def _constant(means):
    """Share of the binary units, columns of `means`, that no example moves.

    The means of such a unit lie within 0.01 of each other.
    """
    return np.mean(np.ptp(means, axis=0) < 0.01)
