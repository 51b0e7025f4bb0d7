"""The groups of TensorBoard's tags: what stands before the slash.

TensorBoard sorts groups by their names, and opens the first two: hence the
numbers. What training and validation share has the same tag in both runs, and
so one chart.
"""

LEARNING = "1 Learning"
LIKELIHOOD = "2 Likelihood"
CHAINS = "3 Chains"
THROUGHPUT = "4 Throughput"
IMAGES = "5 Images"
HISTOGRAMS = "6 Histograms"


def of_metric(name):
    """The tag of a metric, by what its name says.

    Args:
        name: Name in the logs of Keras, without `val_`.

    Returns:
        Text such as `"1 Learning/loss"`.
    """
    group = LEARNING
    if "likelihood" in name or "log_partition" in name:
        group = LIKELIHOOD
    elif name == "num_sweeps":
        group = CHAINS
    return f"{group}/{name}"
