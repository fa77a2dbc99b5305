from almoner.kernel.service_points import ServicePointConfig


class WardConfig(ServicePointConfig):
    name = "almoner.service_points.ward"
    label = "ward"
    title = "Ward"
    url_prefix = "ward"
