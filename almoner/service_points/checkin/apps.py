from almoner.kernel.service_points import ServicePointConfig


class CheckinConfig(ServicePointConfig):
    name = "almoner.service_points.checkin"
    label = "checkin"
    title = "Checkin"
    url_prefix = "checkin"
