package cloudtrail

import (
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/document"
)

// serviceFields are about single services: S3, EC2, ECR and IAM.
func serviceFields() []field.Info {
	transferred := func(keys ...string) func(*fastjson.Value) (uint64, bool) {
		return func(d *fastjson.Value) (sum uint64, some bool) {
			for _, k := range keys {
				v := d.Get("additionalEventData", k)
				sum, some = sum+whole(v), some || v != nil
			}
			return sum, some
		}
	}
	const in, out = "bytesTransferredIn", "bytesTransferredOut"
	operation := func(is func(name string) bool) func(*fastjson.Value) (uint64, bool) {
		return func(d *fastjson.Value) (uint64, bool) { return 1, is(document.String(d, "eventName")) }
	}
	const get, put = "GetObject", "PutObject"
	return []field.Info{
		made("s3.uri", "URI of the object: s3://BUCKET/KEY.", uri),
		text("s3.bucket", "Name of the bucket.", "requestParameters", "bucketName"),
		text("s3.key", "Key of the object.", "requestParameters", "key"),
		number("s3.bytes", "Bytes that were sent and received.", transferred(in, out)),
		number("s3.bytes.in", "Bytes that were sent to S3.", transferred(in)),
		number("s3.bytes.out", "Bytes that were received from it.", transferred(out)),
		number("s3.cnt.get", "1 for GetObject, otherwise missing.", operation(func(name string) bool { return name == get })),
		number("s3.cnt.put", "1 for PutObject, otherwise missing.", operation(func(name string) bool { return name == put })),
		number("s3.cnt.other", "1 for anything else, otherwise missing.",
			operation(func(name string) bool { return name != get && name != put })),
		made("ec2.name", "Name of the instance, by its tag.", instanceName),
		made("ec2.imageid", "Image of the first instance.", func(d *fastjson.Value) (string, bool) {
			if images := images(d, 0); len(images) > 0 {
				return images[0], true
			}
			return "", false
		}),
		{
			Name: "ec2.imageids", Doc: "Images of the instances, or the one of an index.", List: true, Arg: field.ArgOptional, CheckArg: isIndex,
			Extract: func(ev *event.Event, a field.Arg, v *field.Value) bool {
				return document.SetTexts(v, images(ev.Document, a.Index)...)
			},
		},
		text("ecr.repository", "Name of the repository.", "requestParameters", "repositoryName"),
		text("ecr.imagetag", "Tag of the image.", "requestParameters", "imageTag"),
		text("iam.role", "Name of the role.", "requestParameters", "roleName"),
		text("iam.policy", "Name of the policy.", "requestParameters", "policyName"),
	}
}

func isIndex(a field.Arg) error {
	if a.Index < 0 {
		return fmt.Errorf("the argument %q is no index; write a number from 0", a.Text)
	}
	return nil
}

// whole is a number without its fraction; 0 for what is none.
func whole(v *fastjson.Value) uint64 {
	if v == nil {
		return 0
	}
	if n, err := v.Uint64(); err == nil {
		return n
	}
	f, _ := v.Float64()
	return uint64(f)
}

func uri(d *fastjson.Value) (string, bool) {
	bucket, key := d.GetStringBytes("requestParameters", "bucketName"), d.GetStringBytes("requestParameters", "key")
	if bucket == nil || key == nil {
		return "", false
	}
	return "s3://" + string(bucket) + "/" + string(key), true
}

// instanceName is the tag Name of an instance; of several the last one's.
func instanceName(d *fastjson.Value) (string, bool) {
	name := ""
	for _, item := range d.GetArray("requestParameters", "tagSpecificationSet", "items") {
		if document.String(item, "resourceType") != "instance" {
			continue
		}
		for _, tag := range item.GetArray("tags") {
			if document.String(tag, "key") == "Name" {
				name = document.String(tag, "value")
				break
			}
		}
	}
	return name, name != ""
}

// images are those of the instances in the response or, where it has none, the one that was asked for; index -1 means all.
func images(d *fastjson.Value, index int) (all []string) {
	if items := d.Get("responseElements", "instancesSet", "items"); items != nil {
		instances := items.GetArray()
		if index >= 0 {
			if index >= len(instances) {
				return nil
			}
			if image, ok := at(instances[index], "imageId"); ok {
				return []string{image}
			}
			return nil
		}
		for _, in := range instances {
			if image := document.String(in, "imageId"); image != "" {
				all = append(all, image)
			}
		}
		return all
	}
	if index > 0 {
		return nil
	}
	for _, keys := range [][]string{
		{"imageId"}, {"DescribeFastLaunchImagesRequest", "ImageId", "content"}, {"launchSpecification", "imageId"},
	} {
		if image, ok := at(d.Get("requestParameters"), keys...); ok {
			return []string{image}
		}
	}
	return nil
}
