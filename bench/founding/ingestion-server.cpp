// The founding document's ingestion server, for comparison: grpc++ and librdkafka, one synchronous service, no key, partitions chosen by
// the client library, queue.buffering.max.ms = 5, CANCELLED when the message cannot be queued. Written from the document's
// description of it; brokers, topic and address are arguments instead of constants.
//
//   enqueue   as documented: success once the message lies in the client's queue, poll(0) beside it
//   durable   the same server made to mean it: acks=all, idempotent, success (or CANCELLED) from the delivery report
//
// usage: ingestion-server enqueue|durable BROKERS TOPIC ADDRESS LINGER_MS
#include <grpcpp/grpcpp.h>
#include <librdkafka/rdkafkacpp.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "ingestion.grpc.pb.h"

namespace {

std::atomic<bool> stopping{false};

// What one call waits for: the answer of the brokers for its message.
struct Delivery {
  std::mutex mutex;
  std::condition_variable told;
  bool done = false;
  RdKafka::ErrorCode error = RdKafka::ERR_NO_ERROR;
};

class DeliveryReports : public RdKafka::DeliveryReportCb {
 public:
  void dr_cb(RdKafka::Message& message) override {
    auto* delivery = static_cast<Delivery*>(message.msg_opaque());
    if (delivery == nullptr) return;
    std::lock_guard<std::mutex> lock(delivery->mutex);
    delivery->error = message.err();
    delivery->done = true;
    // Told while the lock is held: the waiting call owns this object and ends it as soon as it can.
    delivery->told.notify_one();
  }
};

class EnterpriseIngestionServiceImpl final : public IngestionService::Service {
 public:
  EnterpriseIngestionServiceImpl(RdKafka::Producer* producer, std::string topic, bool durable)
      : producer_(producer), topic_(std::move(topic)), durable_(durable) {}

  grpc::Status SendEvent(grpc::ServerContext*, const EventRequest* request, EventResponse* response) override {
    const std::string& payload = request->payload_json();
    Delivery delivery;
    const RdKafka::ErrorCode error = producer_->produce(
        topic_, RdKafka::Topic::PARTITION_UA, RdKafka::Producer::RK_MSG_COPY, const_cast<char*>(payload.data()),
        payload.size(), nullptr, 0, 0, durable_ ? static_cast<void*>(&delivery) : nullptr);
    if (error != RdKafka::ERR_NO_ERROR) {
      response->set_success(false);
      return grpc::Status(grpc::StatusCode::CANCELLED, RdKafka::err2str(error));
    }
    if (durable_) {
      std::unique_lock<std::mutex> lock(delivery.mutex);
      delivery.told.wait(lock, [&] { return delivery.done; });
      if (delivery.error != RdKafka::ERR_NO_ERROR) {
        response->set_success(false);
        return grpc::Status(grpc::StatusCode::CANCELLED, RdKafka::err2str(delivery.error));
      }
    } else {
      producer_->poll(0);
    }
    response->set_success(true);
    return grpc::Status::OK;
  }

 private:
  RdKafka::Producer* producer_;
  const std::string topic_;
  const bool durable_;
};

void set(RdKafka::Conf* conf, const std::string& name, const std::string& value) {
  std::string problem;
  if (conf->set(name, value, problem) == RdKafka::Conf::CONF_OK) return;
  std::cerr << name << ": " << problem << std::endl;
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: ingestion-server enqueue|durable BROKERS TOPIC ADDRESS LINGER_MS" << std::endl;
    return 2;
  }
  const bool durable = std::string(argv[1]) == "durable";
  DeliveryReports reports;
  std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
  set(conf.get(), "bootstrap.servers", argv[2]);
  set(conf.get(), "queue.buffering.max.ms", argv[5]);
  if (durable) {
    set(conf.get(), "acks", "all");
    set(conf.get(), "enable.idempotence", "true");
  }
  std::string problem;
  if (conf->set("dr_cb", &reports, problem) != RdKafka::Conf::CONF_OK) return 1;
  std::unique_ptr<RdKafka::Producer> producer(RdKafka::Producer::create(conf.get(), problem));
  if (!producer) {
    std::cerr << problem << std::endl;
    return 1;
  }

  // Blocked before any thread starts, so that this one is told of them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  EnterpriseIngestionServiceImpl service(producer.get(), argv[3], durable);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[4], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server(builder.BuildAndStart());
  if (!server) return 1;
  // Delivery reports are served here, or a durable call would wait for the next call's poll.
  std::thread poller([&] {
    while (!stopping) producer->poll(100);
  });
  std::cout << "{\"grpc\":\"" << grpc::Version() << "\",\"librdkafka\":\"" << RdKafka::version_str() << "\"}" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown();
  producer->flush(30000);
  stopping = true;
  poller.join();
  return 0;
}
