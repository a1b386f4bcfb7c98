#include "compiler/ir.h"

#include "compiler/testing.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

TEST(Ir, KeepsTheGraphsIds) {
  const Program p = testing::Multiclass(10);
  const IrProto ir = ToProto(p);
  ASSERT_EQ(ir.node_size(), p.graph.node.size);
  for (int id = 0; id < ir.node_size(); ++id) {
    EXPECT_EQ(ir.node(id).id(), id);
    EXPECT_EQ(ir.node(id).text(), ToText(p.graph, p.literal, id));
    for (const int operand : ir.node(id).operand()) EXPECT_LT(operand, id);
  }
  EXPECT_EQ(ir.axis(0).name(), "Sample");
  EXPECT_TRUE(ir.axis(0).data());
  EXPECT_EQ(ir.total(1).param(), "W");
  EXPECT_EQ(ir.pass(0).structure(1), "outer");
  EXPECT_EQ(ir.fingerprint(), p.fingerprint);
}

TEST(Ir, NamesWhatLeavesReferTo) {
  const IrProto ir = ToProto(testing::Lasso());
  bool data = false, let = false;
  for (const IrProto::Node& node : ir.node()) {
    data |= node.op() == "data" && node.symbol() == "X" && node.subscript_size() == 2 &&
            node.subscript(1).text() == "Feature";
    let |= node.op() == "let" && node.symbol() == "r";
  }
  EXPECT_TRUE(data);
  EXPECT_TRUE(let);
}

}  // namespace
}  // namespace gyre
