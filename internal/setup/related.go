package setup

import "github.com/saker-sensor/saker/internal/pods"

// RelatedFields are the fields for which the API server has to be asked about more than pods, by the kind of object.
func RelatedFields() [pods.Kinds][]string {
	return [pods.Kinds][]string{
		pods.Namespace:             {"k8smeta.ns.uid", "k8smeta.ns.label", "k8smeta.ns.labels"},
		pods.Deployment:            {"k8smeta.deployment.uid", "k8smeta.deployment.label", "k8smeta.deployment.labels"},
		pods.ReplicaSet:            {"k8smeta.rs.label", "k8smeta.rs.labels"},
		pods.ReplicationController: {"k8smeta.rc.label", "k8smeta.rc.labels"},
		pods.Service:               {"k8smeta.svc.name", "k8smeta.svc.uid", "k8smeta.svc.label", "k8smeta.svc.labels"},
	}
}
